// SPDX-License-Identifier: Apache-2.0
//   title
//   y label        |
//        1,000 ----+--------------*   o--- a line
//                  |        *         o- - another
//          100 ----+--*-----------
//                  1     10     100
//                       x label
#include "tool/plot.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <iterator>

namespace {

constexpr double width = 860, height = 440;
constexpr double left = 100, right = 576, top = 64, bottom = 384; // the area of the points
constexpr double legend = right + 24, legend_step = 24;

// Distinguishable for the colour-blind (Okabe and Ito).
constexpr char const* colors[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7"};

std::string with_commas(double value) {
    std::string text = fmt::format("{:.0f}", value);
    for (auto at = static_cast<std::ptrdiff_t>(text.size()) - 3; at > 0; at -= 3) text.insert(static_cast<std::size_t>(at), ",");
    return text;
}

std::string escaped(std::string_view text) {
    std::string result;
    for (char const c : text) {
        switch (c) {
        case '&': result += "&amp;"; break;
        case '<': result += "&lt;"; break;
        case '>': result += "&gt;"; break;
        default: result += c;
        }
    }
    return result;
}

// Where values lie between the ends of an axis, 0 to 1, and the values that are marked.
class Axis {
public:
    Axis(Plot::Scale scale, double least, double greatest) : scale_(scale) {
        switch (scale) {
        case Plot::Scale::logarithmic:
            first_ = std::floor(std::log10(least));
            last_ = std::max(std::ceil(std::log10(greatest)), first_ + 1);
            for (double decade = first_; decade <= last_; ++decade) {
                ticks_.push_back(std::pow(10, decade));
                if (last_ - first_ > 1 || decade == last_) continue;
                ticks_.push_back(2 * ticks_.back());
                ticks_.push_back(2.5 * ticks_.back());
            }
            break;
        case Plot::Scale::linear:
            double step = std::pow(10, std::floor(std::log10(greatest)));
            if (greatest / step < 3) step /= step == 10 ? 5 : 4; // whole numbers
            step = std::max(step, 1.0);
            last_ = std::ceil(greatest / step) * step;
            for (double tick = 0; tick <= last_; tick += step) ticks_.push_back(tick);
            break;
        }
    }
    double at(double value) const { return ((scale_ == Plot::Scale::logarithmic ? std::log10(value) : value) - first_) / (last_ - first_); }
    std::vector<double> const& ticks() const { return ticks_; }

private:
    Plot::Scale scale_;
    double first_{}, last_{};
    std::vector<double> ticks_;
};

class Drawing {
public:
    explicit Drawing(Plot const& plot) : plot_(plot), x_(axis(&std::pair<double, double>::first)), y_(axis(&std::pair<double, double>::second)) {}

    std::string svg() {
        add(R"(<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {} {}" font-family="sans-serif" font-size="13" fill="#333">)", width, height);
        add(R"(<rect width="{}" height="{}" fill="#fff"/>)", width, height);
        add(R"(<text x="16" y="26" font-size="16" font-weight="bold">{}</text>)", escaped(plot_.title));
        add(R"(<text x="16" y="50">{}</text>)", escaped(plot_.y_label));
        add(R"(<text x="{}" y="{}" text-anchor="middle">{}</text>)", (left + right) / 2, bottom + 44, escaped(plot_.x_label));
        grid();
        for (auto const& line : plot_.lines) draw(line);
        names();
        text_ += "</svg>\n";
        return std::move(text_);
    }

private:
    Axis axis(double std::pair<double, double>::* which) const {
        double least = HUGE_VAL, greatest = -HUGE_VAL;
        for (auto const& line : plot_.lines) {
            for (auto const& point : line.points) {
                least = std::min(least, point.*which);
                greatest = std::max(greatest, point.*which);
            }
        }
        return {plot_.scale, least, greatest};
    }
    double x(double value) const { return left + x_.at(value) * (right - left); }
    double y(double value) const { return bottom - y_.at(value) * (bottom - top); }

    template <class... Parts> void add(fmt::format_string<Parts...> format, Parts&&... parts) {
        fmt::format_to(std::back_inserter(text_), format, std::forward<Parts>(parts)...);
        text_ += '\n';
    }
    void grid() {
        for (double const tick : y_.ticks()) {
            add(R"(<path d="M{} {:.1f}H{}" stroke="#ddd"/>)", left, y(tick), right);
            add(R"(<text x="{}" y="{:.1f}" text-anchor="end">{}</text>)", left - 8, y(tick) + 4, with_commas(tick));
        }
        for (double const tick : x_.ticks()) {
            add(R"(<path d="M{:.1f} {}V{}" stroke="#ddd"/>)", x(tick), top, bottom);
            add(R"(<text x="{:.1f}" y="{}" text-anchor="middle">{}</text>)", x(tick), bottom + 20, with_commas(tick));
        }
        add(R"(<path d="M{} {}V{}H{}" fill="none" stroke="#333"/>)", left, top, bottom, right);
    }
    static char const* color_of(Plot::Line const& line) { return colors[line.color % std::size(colors)]; }
    static std::string stroke_of(Plot::Line const& line) {
        return fmt::format(R"(fill="none" stroke="{}" stroke-width="2"{})", color_of(line), line.dashed ? R"( stroke-dasharray="5 4" opacity="0.75")" : "");
    }
    void draw(Plot::Line const& line) {
        std::string path;
        for (auto const& [at, value] : line.points) path += fmt::format("{}{:.1f} {:.1f}", path.empty() ? 'M' : 'L', x(at), y(value));
        add(R"(<path d="{}" {}/>)", path, stroke_of(line));
        if (line.dashed) return;
        for (auto const& [at, value] : line.points) add(R"(<circle cx="{:.1f}" cy="{:.1f}" r="3.5" fill="{}"/>)", x(at), y(value), color_of(line));
    }
    void names() {
        double at = top + 8;
        for (auto const& line : plot_.lines) {
            add(R"(<path d="M{} {}h28" {}/>)", legend, at, stroke_of(line));
            if (!line.dashed) add(R"(<circle cx="{}" cy="{}" r="3.5" fill="{}"/>)", legend + 14, at, color_of(line));
            add(R"(<text x="{}" y="{}">{}</text>)", legend + 36, at + 4, escaped(line.name));
            at += legend_step;
        }
    }

    Plot const& plot_;
    Axis x_, y_;
    std::string text_;
};

} // namespace

std::string svg_of(Plot const& plot) { return Drawing(plot).svg(); }

std::string svg_of(BarChart const& chart) {
    std::string text;
    auto const add = [&]<class... Parts>(fmt::format_string<Parts...> format, Parts&&... parts) {
        fmt::format_to(std::back_inserter(text), format, std::forward<Parts>(parts)...);
        text += '\n';
    };
    add(R"(<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {} {}" font-family="sans-serif" font-size="13" fill="#333">)", width, height);
    add(R"(<rect width="{}" height="{}" fill="#fff"/>)", width, height);
    add(R"(<text x="16" y="26" font-size="16" font-weight="bold">{}</text>)", escaped(chart.title));
    add(R"(<text x="16" y="50">{}</text>)", escaped(chart.y_label));
    constexpr double start = 40, highest = bottom - top - 30;
    double const group_width = (right - start) / static_cast<double>(chart.groups.size());
    double const bar_width = group_width * 0.8 / static_cast<double>(chart.series.size());
    double group_at = start;
    for (auto const& group : chart.groups) {
        double const most = std::max(1e-9, *std::ranges::max_element(group.values));
        double at = group_at + group_width * 0.1;
        for (std::size_t i = 0; i < group.values.size(); ++i, at += bar_width) {
            double const bar = group.values[i] / most * highest;
            add(R"(<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" fill="{}"/>)", at + 2, bottom - bar, bar_width - 4, bar, colors[i % std::size(colors)]);
            add(R"(<text x="{:.1f}" y="{:.1f}" text-anchor="middle">{:.3g}</text>)", at + bar_width / 2, bottom - bar - 6, group.values[i]);
        }
        add(R"(<text x="{:.1f}" y="{}" text-anchor="middle">{}</text>)", group_at + group_width / 2, bottom + 20, escaped(group.name));
        group_at += group_width;
    }
    add(R"(<path d="M{} {}H{}" fill="none" stroke="#333"/>)", start, bottom, right);
    double legend_at = top + 8;
    for (std::size_t i = 0; i < chart.series.size(); ++i, legend_at += legend_step) {
        add(R"(<rect x="{}" y="{}" width="14" height="14" fill="{}"/>)", legend, legend_at - 8, colors[i % std::size(colors)]);
        add(R"(<text x="{}" y="{}">{}</text>)", legend + 22, legend_at + 4, escaped(chart.series[i]));
    }
    return text + "</svg>\n";
}
