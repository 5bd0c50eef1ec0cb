// SPDX-License-Identifier: Apache-2.0
// A program that does nothing: linked statically it is a good one, linked otherwise each kind of bad one.
int main() {}
