// A plasticity rule beside an engine's inner loop, where there is one.
#pragma once

#include <cstring>
#include <iterator>
#include <new>

#include <evsim/loops/exact_path.h>
#include <evsim/loops/model_facts.h>
#include <evsim/loops/neuron_kernel.h>
#include <evsim/loops/variables.h>

namespace evsim {
inline namespace EVSIM_ISA {

/// What callbacks may ask a neuron for.
template <class Model>
struct Observables {
    using Exact = typename Model::template State<double>;

    static constexpr int n_own = static_cast<int>(std::size(Model::observable_names));
    static constexpr int count = n_own > 2 ? n_own : 2;  ///< v and i may be asked for

    static void read(const Model& model, const Exact& state, const typename Model::Neuron& neuron, double* out) {
        for (int k = 0; k < count; ++k) out[k] = k < n_own ? model.observe(state, neuron, k) : never();
    }
};

inline void check_rule(TileStatus status) {
    if (status != TileStatus::ok) throw RuleFailed{status};
}

/// No call of it is inlined: most layers have no rule, and their exact path is short. `S`: the type of states.
template <class Model, class S>
class RuleCalls {
 public:
    using Exact = typename Model::template State<double>;
    using Lane = typename Model::template State<S>;

    RuleCalls(const TileRun& run, const Model& model) : run_(run), model_(model), next_(run.first_event) {
        if (!run.traces) return;
        rule_ = run.traces->rule;
        tile_ = rule_->open(run, run.n_vectors * lanes<S>);
        if (!tile_) throw std::bad_alloc();
    }
    RuleCalls(const RuleCalls&) = delete;
    RuleCalls& operator=(const RuleCalls&) = delete;
    ~RuleCalls() {
        if (tile_) rule_->close(tile_);
    }

    static constexpr int n_context = Observables<Model>::count;

    explicit operator bool() const { return tile_ != nullptr; }

    /// Up to which event the neurons may go before the rule has to know.
    std::int64_t next_stop(std::int64_t first, std::int64_t last) const {
        return tile_ && (rule_->writes_weights || rule_->uses_context) ? first + 1 : last;
    }
    /// The events before `last` have been integrated; start_of(event) is the time of the one before it.
    template <class StartOf>
    [[gnu::noinline, gnu::cold]] void on_inputs(std::int64_t last, StartOf&& start_of) {
        for (; next_ < last; ++next_) on_input(next_, start_of(next_));
    }
    /// A neuron has fired; `state` is that after the reset.
    [[gnu::noinline, gnu::cold]] void on_output(std::int32_t n, double time, double start, const Exact& state) const {
        double observables[n_context];
        if (rule_->uses_context) observe(state, n, observables);
        check_rule(rule_->on_output(tile_, n, time, start, observables));
    }

 private:
    void on_input(std::int64_t event, double start) const {
        double observables[most_vectors<Model> * lanes<S> * n_context];  // of the largest tile
        if (rule_->uses_context) {
            for (int k = 0; k < run_.n_vectors * lanes<S>; ++k) {
                const std::int32_t n = run_.first_neuron + k;
                const Lane lane = Variables<Lane, S>::load(static_cast<const S*>(run_.state) + n, run_.stride);
                observe(converted<Exact, double, S>(lane), n, observables + k * n_context);
            }
        }
        check_rule(rule_->on_input(tile_, event, start, observables, n_context));
    }

    void observe(const Exact& state, std::int32_t n, double* out) const {
        Observables<Model>::read(model_, state, neuron_at<Model>(run_.neurons, static_cast<std::size_t>(n)), out);
    }

    const TileRun& run_;
    const Model& model_;
    const RuleKernel* rule_ = nullptr;
    void* tile_ = nullptr;
    std::int64_t next_;  ///< the first event that the rule does not know of
};

}  // namespace EVSIM_ISA
}  // namespace evsim
