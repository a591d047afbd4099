#include "engine/scatter_forward.hpp"

#include <algorithm>
#include <cmath>

#include "arrivals.hpp"
#include "core/errors.hpp"
#include "engine/poisson_rows.hpp"
#include "engine/scatter_part.hpp"
#include "engine/scatter_rules.hpp"

namespace evsim {

namespace {

/// Fewer neurons than this are not worth a part of their own.
constexpr std::int32_t neurons_worth_a_part = 64;

/// One sample on its way.
struct SampleParts {
    explicit SampleParts(std::size_t n_neurons) : arrays(n_neurons) {}

    ScatterArrays arrays;
    std::vector<std::unique_ptr<ScatterPart>> parts;
    std::vector<InFlight> travelling;  ///< of each projection whose synapses have delays, what was sent
};

class ScatterForward final : public InstantRun {
 public:
    ScatterForward(const Population& population, std::span<const std::shared_ptr<Projection>> projections,
                   std::span<const std::shared_ptr<const Delays>> delays,
                   std::span<const std::shared_ptr<const Drive>> drives, std::size_t n_samples)
        : InstantRun(n_samples),
          population_(population),
          projections_(projections.begin(), projections.end()),
          delays_(delays.begin(), delays.end()),
          drives_(drives.begin(), drives.end()),
          rules_(projections, n_samples) {
        for (const auto& one : delays_) any_by_synapse_ = any_by_synapse_ || one->by_synapse();
        for (const auto& projection : projections_) {
            projection->write_out();
            pace_.in_order = pace_.in_order || projection->shares_learning();
        }
        pace_.instants = pace_.in_order;
        for (const auto& projection : projections_) mean_fan_out_ = std::max(mean_fan_out_, mean_of(*projection));
    }

    double extra_bytes() const override {
        return static_cast<double>(samples.size()) * static_cast<double>(population_.n_neurons()) *
                   (40.0 + static_cast<double>(drives_.size() * PoissonRows::bytes_per_neuron)) +
               rules_.extra_bytes();
    }
    void begin(Sample& sample, bool fresh) override {
        rules_.begin(number_of(sample), sample.state, fresh);
        std::vector<double>& last_touch = sample.state.last_touch;
        if (last_touch.empty()) last_touch.assign(count(population_.n_neurons()), sample.state.last_event);
        sample.final_memory = sample.state.memory;
        if (sample.state.drive_times.empty()) begin_drives(sample);
    }
    void expect_windows(double length) override { pace_.window = std::isfinite(length) ? length : 0.0; }
    InstantRun* by_instants() override { return this; }
    void expect_instants() override {
        pace_.instants = true;
        start(1);
        for (std::size_t s = 0; s < samples.size(); ++s) instant_rules_.push_back(rules_.runs(s, samples[s].state));
    }

    void advance(std::span<const Probe> probes, const CallLimits& limits, Interruption& interruption) override {
        if (all_parts_.empty()) start(limits.threads);
        double events = 0.0;
        std::vector<std::vector<SynapseRun>> rules;
        for (std::size_t s = 0; s < samples.size(); ++s) {
            Sample& sample = samples[s];
            rules.push_back(rules_.runs(s, sample.state));
            events += static_cast<double>(sample.inputs.size()) * mean_fan_out_;
            if (!drives_.empty()) events += events_worth_a_thread * limits.threads;
            for (const Probe& probe : probes) sample.recorded.emplace_back(probe.times.size() * probe.neurons.size());
        }
        const std::size_t per_sample = all_parts_.empty() ? 1 : all_parts_.front().parts.size();
        const auto n = static_cast<std::int64_t>(samples.size() * per_sample);
        const int threads =
            static_cast<int>(std::clamp(events / events_worth_a_thread, 1.0, static_cast<double>(limits.threads)));
        parallel_for(n, threads, interruption, [&](std::int64_t task) {
            const std::size_t s = static_cast<std::size_t>(task) / per_sample;
            all_parts_[s].parts[static_cast<std::size_t>(task) % per_sample]->advance(
                {samples[s], rules[s], probes, limits, interruption});
        });
        for (std::size_t s = 0; s < samples.size(); ++s) {
            end(samples[s], all_parts_[s]);
            if (any_by_synapse_) keep_travelling(samples[s], all_parts_[s]);
        }
    }

    double next_event(std::size_t s, double limit, const CallLimits& limits, Interruption& interruption) override {
        return all_parts_[s].parts.front()->next_event({samples[s], instant_rules_[s], {}, limits, interruption},
                                                       limit);
    }
    void advance_instant(std::size_t s, std::span<const Probe> probes, const CallLimits& limits,
                         Interruption& interruption) override {
        Sample& sample = samples[s];
        for (const Probe& probe : probes) sample.recorded.emplace_back(probe.times.size() * probe.neurons.size());
        all_parts_[s].parts.front()->advance({sample, instant_rules_[s], probes, limits, interruption, false});
        end(sample, all_parts_[s]);
    }
    void learn(const std::string& node_name) override { rules_.learn(node_name); }
    void commit() override { rules_.commit(); }

 private:
    std::size_t number_of(const Sample& sample) const { return static_cast<std::size_t>(&sample - samples.data()); }

    /// The first arrivals after the beginning.
    void begin_drives(Sample& sample) const {
        const std::size_t number = number_of(sample);
        for (const auto& drive : drives_)
            drive->begin(sample.state.last_event, number, sample.state.drive_times, sample.state.drive_counts);
    }

    static double mean_of(const Projection& projection) {
        const double n_inputs = std::max(1, projection.n_inputs());
        if (const Sparse* const sparse = projection.sparse())
            return static_cast<double>(sparse->n_synapses()) / n_inputs;
        if (const ConvPairs* const pairs = projection.pairs())
            return static_cast<double>(pairs->n_synapses()) / n_inputs;
        return projection.target()->n_neurons();
    }

    void start(int threads) {
        const std::int32_t n = population_.n_neurons();
        const auto n_samples = static_cast<int>(std::max<std::size_t>(1, samples.size()));
        const std::int32_t most = pace_.instants ? 1 : std::max(1, n / neurons_worth_a_part);
        const std::int32_t n_parts = std::clamp((threads + n_samples - 1) / n_samples, 1, most);
        for (std::size_t s = 0; s < samples.size(); ++s) all_parts_.emplace_back(count(n));
        for (std::size_t s = 0; s < samples.size(); ++s) {
            SampleParts& mine = all_parts_[s];
            for (std::int32_t k = 0; k < n_parts; ++k) {
                const auto border = [&](std::int32_t part) {
                    return static_cast<std::int32_t>(std::int64_t{n} * part / n_parts);
                };
                mine.parts.push_back(scatter_part({population_, projections_, delays_, drives_, s}, mine.arrays,
                                                  {border(k), border(k + 1)}, pace_));
            }
            resume(samples[s], mine);
        }
    }

    /// What synapses have still to feel of the last call's spikes.
    void resume(Sample& sample, SampleParts& mine) {
        if (!any_by_synapse_) return;
        std::vector<SpikeView> sent;
        for (std::size_t p = 0; p < projections_.size(); ++p) {
            InFlight& own = mine.travelling.emplace_back();
            const auto number = static_cast<std::int32_t>(p);
            if (delays_[p]->by_synapse()) keep(on_their_way(sample.state.travelling, number), number, own);
            sent.push_back({own.indices, own.times});
        }
        ArrivalCollector collector;
        const Arrivals all = collector.merge(sent);
        for (const auto& part : mine.parts) part->resume(all, sample.from);
    }

    void end(Sample& sample, SampleParts& mine) {
        std::vector<Spike> spikes;
        for (const auto& part : mine.parts) {
            for (const Emission& e : part->spikes.spikes()) spikes.push_back({e.neuron, e.time});
        }
        if (!spikes.empty()) {
            stable_sort_by_time(spikes);
            sample.spikes.append(spikes);
            sample.spikes.order_ties();
        }
        if (any_by_synapse_) remember_sent(sample, mine);
    }

    void remember_sent(const Sample& sample, SampleParts& mine) const {
        const std::span<const std::int32_t> projections = sample.inputs.projections;
        for (std::size_t k = 0; k < sample.inputs.size(); ++k) {
            const std::size_t p = projections.empty() ? 0 : static_cast<std::size_t>(projections[k]);
            if (!delays_[p]->by_synapse()) continue;
            mine.travelling[p].indices.push_back(sample.inputs.indices[k]);
            mine.travelling[p].times.push_back(sample.inputs.times[k]);
        }
    }
    /// Those that some synapses have not felt.
    void keep_travelling(Sample& sample, SampleParts& mine) const {
        sample.state.travelling = {};
        for (std::size_t p = 0; p < projections_.size(); ++p) {
            InFlight& own = mine.travelling[p];
            const double longest = delays_[p]->largest();
            std::size_t felt = 0;
            while (felt < own.times.size() && own.times[felt] + longest <= sample.last_arrival) ++felt;
            own.indices.erase(own.indices.begin(), own.indices.begin() + static_cast<std::ptrdiff_t>(felt));
            own.times.erase(own.times.begin(), own.times.begin() + static_cast<std::ptrdiff_t>(felt));
            keep({own.indices, own.times}, static_cast<std::int32_t>(p), sample.state.travelling);
        }
    }

    const Population& population_;
    std::vector<std::shared_ptr<Projection>> projections_;
    std::vector<std::shared_ptr<const Delays>> delays_;
    std::vector<std::shared_ptr<const Drive>> drives_;
    bool any_by_synapse_ = false;
    double mean_fan_out_ = 0.0;
    ScatterPace pace_;
    ScatterRules rules_;
    std::vector<std::vector<SynapseRun>> instant_rules_;  ///< of each sample
    std::vector<SampleParts> all_parts_;
};

}  // namespace

std::unique_ptr<Run> scatter_forward(const Population& population,
                                     std::span<const std::shared_ptr<Projection>> projections,
                                     std::span<const std::shared_ptr<const Delays>> delays,
                                     std::span<const std::shared_ptr<const Drive>> drives, std::size_t n_samples) {
    return std::make_unique<ScatterForward>(population, projections, delays, drives, n_samples);
}

}  // namespace evsim
