// SPDX-License-Identifier: Apache-2.0
// The table of who gets what, as the manifest says.
#pragma once

#include "service/root/archive.hpp"
#include "service/root/table.hpp"

class Overview {
public:
    explicit Overview(Archive const& archive);

    // Calls print with each line.
    template <class Print> void print(Print print) const {
        each_row([&](Row const& row) { print(view(table_.line(row))); });
    }

private:
    using Row = Table<6>::Row;

    // A row for the titles and one for each grant; the first of a component says more.
    template <class Visit> void each_row(Visit visit) const {
        visit(titles());
        for (auto const& component : archive_.components()) {
            Row row = describe(component);
            for (auto const& grant : archive_.grants(component)) {
                row.back() = describe(grant);
                visit(row);
                row = {};
            }
            if (component.grant_count == 0) visit(row);
        }
    }
    static Row titles();
    static Row describe(protocol::ComponentEntry const& component);
    // In a few words: `uart: ports 0x3f8-0x3ff`.
    user::Text<96> describe(protocol::Grant const& grant) const;

    Archive const& archive_;
    Table<6> table_;
};
