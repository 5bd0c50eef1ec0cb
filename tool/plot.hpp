// SPDX-License-Identifier: Apache-2.0
// Plots as SVG: lines for measurements over a size, bars for a few things side by side.
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

// Groups of bars side by side, each group on a scale of its own: what counts is the ratio inside it. Values stand above the bars.
struct BarChart {
    struct Group {
        std::string name;
        std::vector<double> values; // as many as there are series; 0 or more
    };
    std::string title, y_label;
    std::vector<Group> groups;
    std::vector<std::string> series;
};
std::string svg_of(BarChart const& chart);
