// SPDX-License-Identifier: Apache-2.0
// Line plots as SVG, for measurements over a size.
#pragma once

#include <string>
#include <utility>
#include <vector>

struct Plot {
    enum class Scale { logarithmic, linear };
    struct Line {
        std::string name;
        unsigned color{}; // lines of one colour belong together
        bool dashed{};
        std::vector<std::pair<double, double>> points; // sorted by x; above 0 on a logarithmic scale
    };
    std::string title, x_label, y_label;
    Scale scale = Scale::logarithmic; // of both axes
    std::vector<Line> lines;
};

// A complete SVG document on a white ground. At least one line with a point.
std::string svg_of(Plot const& plot);
