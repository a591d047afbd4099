#include "components.hpp"

#include <algorithm>
#include <functional>
#include <queue>

namespace evsim {

namespace {

using Targets = std::vector<std::vector<std::int32_t>>;

std::size_t at(std::int32_t node) { return static_cast<std::size_t>(node); }

/// Tarjan's algorithm (1972), without recursion: a chain of a million nodes must not overflow the stack.
class Search {
 public:
    explicit Search(const Targets& targets)
        : targets_(targets), number_(targets.size(), 0), low_(targets.size(), 0), component_(targets.size(), -1) {
        for (std::int32_t root = 0; root < static_cast<std::int32_t>(targets.size()); ++root) {
            if (number_[at(root)] == 0) visit(root);
        }
    }
    /// Of each node.
    const std::vector<std::int32_t>& component() const { return component_; }
    std::int32_t n_components() const { return n_components_; }

 private:
    struct Frame {
        std::int32_t node;
        std::size_t next;  ///< of its targets
    };

    void visit(std::int32_t root) {
        std::vector<Frame> frames;
        enter(root, frames);
        while (!frames.empty()) {
            Frame& frame = frames.back();
            const std::int32_t node = frame.node;
            if (frame.next < targets_[at(node)].size()) {
                const std::int32_t target = targets_[at(node)][frame.next++];
                if (number_[at(target)] == 0) {
                    enter(target, frames);
                } else if (component_[at(target)] < 0) {
                    low_[at(node)] = std::min(low_[at(node)], number_[at(target)]);
                }
                continue;
            }
            frames.pop_back();
            if (!frames.empty()) low_[at(frames.back().node)] = std::min(low_[at(frames.back().node)], low_[at(node)]);
            if (low_[at(node)] == number_[at(node)]) close(node);
        }
    }
    void enter(std::int32_t node, std::vector<Frame>& frames) {
        number_[at(node)] = low_[at(node)] = ++last_number_;
        open_.push_back(node);
        frames.push_back({node, 0});
    }
    void close(std::int32_t first) {
        std::int32_t node;
        do {
            node = open_.back();
            open_.pop_back();
            component_[at(node)] = n_components_;
        } while (node != first);
        ++n_components_;
    }

    const Targets& targets_;
    std::vector<std::int32_t> number_, low_, component_, open_;
    std::int32_t last_number_ = 0, n_components_ = 0;
};

}  // namespace

std::vector<Component> components(std::int32_t n_nodes,
                                  const std::vector<std::pair<std::int32_t, std::int32_t>>& edges) {
    Targets targets(at(n_nodes));
    for (const auto& [source, target] : edges) targets[at(source)].push_back(target);
    const Search search(targets);
    std::vector<Component> members(at(search.n_components()));
    for (std::int32_t node = 0; node < n_nodes; ++node) members[at(search.component()[at(node)])].push_back(node);

    // Of the components that nothing more leads to, the one with the lowest node comes next (Kahn 1962).
    std::vector<std::int32_t> missing(members.size(), 0);
    const auto leads_on = [&](auto&& visit) {
        for (const auto& [source, target] : edges) {
            const std::int32_t from = search.component()[at(source)], to = search.component()[at(target)];
            if (from != to) visit(from, to);
        }
    };
    Targets later(members.size());
    leads_on([&](std::int32_t from, std::int32_t to) {
        ++missing[at(to)];
        later[at(from)].push_back(to);
    });
    using Entry = std::pair<std::int32_t, std::int32_t>;  // lowest node, component
    std::priority_queue<Entry, std::vector<Entry>, std::greater<>> ready;
    for (std::size_t c = 0; c < members.size(); ++c) {
        if (missing[c] == 0) ready.emplace(members[c].front(), static_cast<std::int32_t>(c));
    }
    std::vector<Component> ordered;
    while (!ready.empty()) {
        const std::int32_t c = ready.top().second;
        ready.pop();
        for (const std::int32_t next : later[at(c)]) {
            if (--missing[at(next)] == 0) ready.emplace(members[at(next)].front(), next);
        }
        ordered.push_back(std::move(members[at(c)]));
    }
    return ordered;
}

}  // namespace evsim
