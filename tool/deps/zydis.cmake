# SPDX-License-Identifier: Apache-2.0
# Library target `zydis`: the instruction decoder, static, for components and host tests alike (no C library state in it).
enable_language(C)
set(deps_directory ${CMAKE_BINARY_DIR}/deps)
execute_process(COMMAND ${CMAKE_CURRENT_LIST_DIR}/zydis.sh ${deps_directory} RESULT_VARIABLE zydis_failed)
if(zydis_failed)
    message(FATAL_ERROR "The source of Zydis is not there (see the line above); it is needed once, then kept in ${deps_directory}.")
endif()
file(GLOB zydis_directory ${deps_directory}/zydis-*)
add_library(zydis STATIC
    ${zydis_directory}/src/Decoder.c
    ${zydis_directory}/src/DecoderData.c
    ${zydis_directory}/src/Mnemonic.c
    ${zydis_directory}/src/Register.c
    ${zydis_directory}/src/SharedData.c
)
target_include_directories(zydis SYSTEM PUBLIC ${zydis_directory}/include)
target_include_directories(zydis PRIVATE ${zydis_directory}/src)
target_compile_definitions(zydis PUBLIC ZYDIS_STATIC_BUILD ZYCORE_STATIC_BUILD ZYDIS_DISABLE_FORMATTER ZYDIS_DISABLE_ENCODER
    ZYDIS_DISABLE_SEGMENT)
target_compile_options(zydis PRIVATE -O2 -fPIE -w) # host tests are position independent

# The same library's text of instructions, for programs of the host.
add_library(zydis_formatter STATIC
    ${zydis_directory}/src/Formatter.c
    ${zydis_directory}/src/FormatterATT.c
    ${zydis_directory}/src/FormatterBase.c
    ${zydis_directory}/src/FormatterBuffer.c
    ${zydis_directory}/src/FormatterIntel.c
    ${zydis_directory}/src/String.c
    ${zydis_directory}/src/Utils.c
)
target_link_libraries(zydis_formatter PUBLIC zydis)
target_include_directories(zydis_formatter PRIVATE ${zydis_directory}/src)
target_compile_options(zydis_formatter PUBLIC -UZYDIS_DISABLE_FORMATTER PRIVATE -O2 -fPIE -w)
