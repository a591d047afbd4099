#include "connection/synapse_rules.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/aligned_buffer.hpp"
#include "core/errors.hpp"
#include "core/philox.hpp"

namespace evsim {

namespace {

/// The third word of counters: rules with one seed draw different numbers.
enum class Rule : std::uint64_t { in_degree, out_degree, pairs, distance };

/// The second word of keys is "synapses" in ASCII, so that other streams with the same seed differ.
PhiloxStream stream_of(std::uint64_t seed, Rule rule, std::int32_t neuron) {
    return {{seed, 0x73796E6170736573}, static_cast<std::uint64_t>(neuron), static_cast<std::uint64_t>(rule)};
}

void require_range(const SynapseRange& r) {
    if (r.n_inputs < 1 || r.n_neurons < 1) {
        throw InvalidArgument(
            text("synapses need inputs and neurons, got ", r.n_inputs, " inputs and ", r.n_neurons, " neurons"));
    }
    if (r.first < 0 || r.last < r.first || r.last > r.n_neurons) {
        throw InvalidArgument(
            text("targets must be a range within 0 to ", r.n_neurons, ", got ", r.first, " to ", r.last));
    }
}

void require_probability(double probability) {
    if (!(probability >= 0 && probability <= 1))
        throw InvalidArgument(text("probability must be from 0 to 1, got ", probability));
}

/// `partners`: how many there are to choose from, at the neuron that has fewest.
void require_degree(std::int32_t degree, std::int64_t partners, bool multapses) {
    if (degree < 0) throw InvalidArgument(text("degree must not be negative, got ", degree));
    if (degree > 0 && partners == 0)
        throw InvalidArgument(text("a degree of ", degree, " needs partners, but without autapses there are none"));
    if (!multapses && degree > partners) {
        throw InvalidArgument(
            text("a degree of ", degree, " without multapses needs as many partners, but there are ", partners));
    }
}

std::int64_t fewest_partners(std::int32_t n, bool autapses) { return autapses ? n : std::int64_t{n} - 1; }

void require_memory_for(double n_synapses) {
    require_memory(n_synapses * 2 * sizeof(std::int32_t), text("a list of ", n_synapses, " synapses"));
}

/// Choices of `degree` partners among n.
class PartnerDraw {
 public:
    PartnerDraw(std::int32_t n, std::int32_t degree, Repeats repeats) : n_(n), degree_(degree), repeats_(repeats) {
        if (repeats.multapses) return;
        require_memory(static_cast<double>(n) * sizeof(std::uint32_t), text("choosing among ", n, " partners"));
        chosen_by_.resize(static_cast<std::size_t>(n));
    }

    /// visit(partner) for each partner of the neuron `own`, whose draws come from `stream`.
    template <class Visit>
    void operator()(PhiloxStream stream, std::int32_t own, Visit&& visit) {
        const bool skips = !repeats_.autapses && own < n_;
        const auto n = static_cast<std::uint64_t>(n_) - skips;
        const auto partner = [&](std::uint64_t k) {
            const auto index = static_cast<std::int32_t>(k);
            return index + (skips && index >= own);
        };
        const auto degree = static_cast<std::uint64_t>(degree_);
        if (repeats_.multapses) {
            for (std::uint64_t k = 0; k < degree; ++k) visit(partner(stream.below(n)));
            return;
        }
        // Floyd's algorithm: each set with the same probability, from `degree` draws (Bentley & Floyd 1987, "A sample
        // of brilliance", Communications of the ACM 30(9)).
        ++draw_;
        for (std::uint64_t j = n - degree; j < n; ++j) {
            std::uint64_t k = stream.below(j + 1);
            if (chosen_by_[k] == draw_) k = j;
            chosen_by_[k] = draw_;
            visit(partner(k));
        }
    }

 private:
    std::int32_t n_, degree_;
    Repeats repeats_;
    std::vector<std::uint32_t> chosen_by_;  ///< the last draw that chose each partner
    std::uint32_t draw_ = 0;
};

/// visit(k) for each k in [0, n) with probability p, independently: the gap to the next one is geometric,
/// floor(ln(u) / ln(1 - p)) with u uniform in (0, 1] (Devroye 1986, "Non-uniform random variate generation", X.2).
template <class Visit>
void for_each_hit(PhiloxStream& stream, std::int64_t n, double p, Visit&& visit) {
    if (p == 0) return;
    const double scale = std::log1p(-p);  // of p = 1 it is minus infinity, and gaps are 0
    for (std::int64_t k = 0; k < n; ++k) {
        const double gap = std::floor(std::log(stream.positive_unit()) / scale);
        if (!(gap < static_cast<double>(n - k))) return;
        k += static_cast<std::int64_t>(gap);
        visit(k);
    }
}

/// Distance between the middles of cells i and j of an axis that is divided into n and m. In whole numbers but for one
/// division, so that pairs of one distance get one number.
double axis_distance(std::int64_t i, std::int64_t n, std::int64_t j, std::int64_t m, bool periodic) {
    const std::int64_t length = 2 * n * m;
    const std::int64_t apart = std::abs((2 * i + 1) * m - (2 * j + 1) * n);
    return static_cast<double>(periodic ? std::min(apart, length - apart) : apart) / static_cast<double>(length);
}

/// At the squared distance r2, in units of sigma.
double probability_at(const DistanceRule& rule, double r2) {
    switch (rule.profile) {
        case DistanceProfile::gaussian:
            return rule.probability * std::exp(-0.5 * r2);
        case DistanceProfile::exponential:
            return rule.probability * std::exp(-std::sqrt(r2));
        case DistanceProfile::step:
            return r2 <= 1 ? rule.probability : 0.0;
    }
    return 0.0;
}

}  // namespace

SynapseList fixed_in_degree(const SynapseRange& range, std::int32_t degree, Repeats repeats, std::uint64_t seed) {
    require_range(range);
    require_degree(degree, fewest_partners(range.n_inputs, repeats.autapses), repeats.multapses);
    const double n_targets = static_cast<double>(range.last) - range.first;
    require_memory_for(n_targets * degree);
    SynapseList list;
    list.sources.resize(static_cast<std::size_t>(range.last - range.first) * static_cast<std::size_t>(degree));
    list.targets.resize(list.sources.size());
    PartnerDraw draw(range.n_inputs, degree, repeats);
    std::size_t k = 0;
    for (std::int32_t target = range.first; target < range.last; ++target) {
        draw(stream_of(seed, Rule::in_degree, target), target, [&](std::int32_t source) {
            list.sources[k] = source;
            list.targets[k++] = target;
        });
    }
    return list;
}

SynapseList fixed_out_degree(const SynapseRange& range, std::int32_t degree, Repeats repeats, std::uint64_t seed) {
    require_range(range);
    require_degree(degree, fewest_partners(range.n_neurons, repeats.autapses), repeats.multapses);
    const auto n_targets = static_cast<std::size_t>(range.last - range.first);
    const auto for_each = [&](auto&& visit) {
        PartnerDraw draw(range.n_neurons, degree, repeats);
        for (std::int32_t source = 0; source < range.n_inputs; ++source) {
            draw(stream_of(seed, Rule::out_degree, source), source, [&](std::int32_t target) {
                if (target >= range.first && target < range.last)
                    visit(source, static_cast<std::size_t>(target - range.first));
            });
        }
    };
    if (n_targets == 0) return {};
    // Drawn twice: first to learn where the synapses of each target go.
    require_memory_for(static_cast<double>(n_targets) / range.n_neurons * range.n_inputs * degree);
    require_memory(static_cast<double>(n_targets) * sizeof(std::size_t), text("counts of ", n_targets, " neurons"));
    std::vector<std::size_t> next(n_targets + 1, 0);
    for_each([&](std::int32_t, std::size_t target) { ++next[target + 1]; });
    std::partial_sum(next.begin(), next.end(), next.begin());
    SynapseList list;
    list.sources.resize(next.back());
    list.targets.resize(next.back());
    for_each([&](std::int32_t source, std::size_t target) {
        const std::size_t k = next[target]++;
        list.sources[k] = source;
        list.targets[k] = range.first + static_cast<std::int32_t>(target);
    });
    return list;
}

SynapseList random_pairs(const SynapseRange& range, double probability, bool autapses, std::uint64_t seed) {
    require_range(range);
    require_probability(probability);
    const double expected = (static_cast<double>(range.last) - range.first) * range.n_inputs * probability;
    require_memory_for(expected);
    SynapseList list;
    list.sources.reserve(static_cast<std::size_t>(expected + 4 * std::sqrt(expected)));
    list.targets.reserve(list.sources.capacity());
    for (std::int32_t target = range.first; target < range.last; ++target) {
        const bool skips = !autapses && target < range.n_inputs;
        PhiloxStream stream = stream_of(seed, Rule::pairs, target);
        for_each_hit(stream, std::int64_t{range.n_inputs} - skips, probability, [&](std::int64_t k) {
            list.sources.push_back(static_cast<std::int32_t>(k) + (skips && k >= target));
            list.targets.push_back(target);
        });
    }
    return list;
}

SynapseList one_to_one(const SynapseRange& range) {
    require_range(range);
    if (range.n_inputs != range.n_neurons) {
        throw InvalidArgument(text("one to one needs as many inputs as neurons, got ", range.n_inputs, " inputs and ",
                                   range.n_neurons, " neurons"));
    }
    require_memory_for(static_cast<double>(range.last) - range.first);
    SynapseList list;
    list.sources.resize(static_cast<std::size_t>(range.last - range.first));
    std::iota(list.sources.begin(), list.sources.end(), range.first);
    list.targets = list.sources;
    return list;
}

SynapseRange range_of(const SquareGrid& from, const SquareGrid& to, std::int32_t first, std::int32_t last) {
    for (const SquareGrid& grid : {from, to}) {
        if (grid.rows < 1 || grid.columns < 1)
            throw InvalidArgument(text("a grid needs rows and columns, got ", grid.rows, " x ", grid.columns));
        if (grid.size() > std::numeric_limits<std::int32_t>::max())
            throw MemoryLimit(
                text("a grid of ", grid.rows, " x ", grid.columns, " has more neurons than have numbers"));
    }
    return {static_cast<std::int32_t>(from.size()), static_cast<std::int32_t>(to.size()), first, last};
}

SynapseList by_distance(const SquareGrid& from, const SquareGrid& to, std::int32_t first, std::int32_t last,
                        const DistanceRule& rule, std::uint64_t seed) {
    require_range(range_of(from, to, first, last));
    require_probability(rule.probability);
    if (!(rule.sigma > 0 && std::isfinite(rule.sigma)))
        throw InvalidArgument(text("sigma must be positive and finite, got ", rule.sigma));
    SynapseList list;
    std::vector<double> dx2(static_cast<std::size_t>(from.columns));
    const auto squared_distance = [&](std::int32_t i, std::int32_t n, std::int32_t j, std::int32_t m) {
        const double d = axis_distance(i, n, j, m, rule.periodic) / rule.sigma;
        return d * d;
    };
    double room = 0;  // synapses that memory was found to hold
    for (std::int32_t target = first; target < last; ++target) {
        if (const double drawn = static_cast<double>(list.sources.size()); drawn >= room) {
            room = 2 * drawn + static_cast<double>(from.columns);
            require_memory_for(room);
        }
        const std::int32_t y = target / to.columns, x = target % to.columns;
        for (std::int32_t column = 0; column < from.columns; ++column)
            dx2[static_cast<std::size_t>(column)] = squared_distance(column, from.columns, x, to.columns);
        const double nearest = *std::min_element(dx2.begin(), dx2.end());
        PhiloxStream stream = stream_of(seed, Rule::distance, target);
        for (std::int32_t row = 0; row < from.rows; ++row) {
            const double dy2 = squared_distance(row, from.rows, y, to.rows);
            // As if all sources of the row were as near as the nearest, then thinned to what they are.
            const double most = probability_at(rule, dy2 + nearest);
            for_each_hit(stream, from.columns, most, [&](std::int64_t k) {
                const auto column = static_cast<std::int32_t>(k), source = row * from.columns + column;
                const double p = probability_at(rule, dy2 + dx2[static_cast<std::size_t>(k)]);
                const bool kept = stream.positive_unit() * most <= p && p > 0;
                if (!kept || (!rule.autapses && source == target)) return;
                list.sources.push_back(source);
                list.targets.push_back(target);
            });
        }
    }
    return list;
}

}  // namespace evsim
