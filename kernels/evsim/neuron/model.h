// What a neuron model is. The shipped models and a user's are written against this and nothing else.
#pragma once

#include <evsim/exponential.h>
#include <evsim/neuron/advance.h>
#include <evsim/neuron/parameters.h>

namespace evsim {
inline namespace EVSIM_ISA {

// A model is a struct Model, made from `const double* shared`, the values of its shared parameters. Three concepts say
// what else it has: NeuronModel is needed, the others make it fast or differentiable.

// NeuronModel: the exact path, in double.
//
//   n_shared, shared_names, neuron_names, observable_names   constants: what its numbers are called; optionally
//                                      shared_defaults and neuron_defaults, NaN where there is none, and
//                                      shared_domains and neuron_domains, of evsim::ParameterDomain
//   spikes                             whether a crossing is an output spike
//   n_ports                            to how many kinds of synapse an input may go; they are numbered from 0
//   jumps(port)                        may be static: whether an input moves the potential itself, not only its slope
//   Neuron                             a struct of one double for each of neuron_names
//   State<V>                           a struct of V only: what changes
//   Stored<T>                          the type in which a layer with weights of T keeps the state: T, or double
//
//   initial(neuron) -> State<double>
//   flow(state, neuron, duration)      lets time pass
//   first_crossing(state, neuron, horizon) -> double   time to the first crossing; anything above `horizon`, or NaN, if
//                                      there is none up to there
//   fire(state, neuron)                what a crossing does to the state: reset, adaptation
//   receive(state, weight, port)       static, for SIMD vectors and single numbers: an input arrives
//   at_threshold(state, neuron)        whether the potential is at or above threshold now
//   endless(neuron) -> Endless         whether it fires for ever without input; may be static
//   observe(state, neuron, k) -> double   value of observable_names[k]
//
// Optionally: advance(state, neuron, gap, factors, closed, fired), a cheaper way through a gap than from crossing to
// crossing; hold and flow_held, to be put into Refractory<Model>.
template <class Model>
concept NeuronModel = requires(const Model& model, typename Model::template State<double>& state,
                               const typename Model::Neuron& neuron, const double* shared, double number) {
    Model(shared);
    Model::shared_names[0];
    Model::neuron_names[0];
    Model::observable_names[0];
    typename Model::template Stored<double>;
    { Model::n_shared + 0 } -> SameAs<int>;
    { Model::n_ports + 0 } -> SameAs<int>;
    { !Model::spikes } -> SameAs<bool>;
    { model.jumps(0) } -> SameAs<bool>;
    { model.initial(neuron) } -> SameAs<typename Model::template State<double>>;
    model.flow(state, neuron, number);
    { model.first_crossing(state, neuron, number) } -> SameAs<double>;
    model.fire(state, neuron);
    Model::receive(state, number, 0);
    { model.at_threshold(state, neuron) } -> SameAs<bool>;
    { model.endless(neuron) } -> SameAs<Endless>;
    { model.observe(state, neuron, 0) } -> SameAs<double>;
};

/// What `excess` and `decay` of a model take for a gap.
template <class Model, class Hot, class Gap>
EVSIM_FN decltype(auto) gap_for(const Hot& hot, const Gap& gap) {
    if constexpr (requires { Model::own_gap(hot, gap); }) {
        return Model::own_gap(hot, gap);
    } else {
        return (gap);
    }
}

// SharedGapModel: what all neurons of a layer share of the time between two events is computed once, and neurons that
// cannot fire in it pass by in SIMD. Without it, every neuron takes the exact path at every event.
//
//   Hot<V>, Gap<T>                     structs of V and of T only: what the reject test needs of the parameters; what a
//                                      layer shares of the time between two events
//   gap(duration) -> Gap<double>       from 0 to infinity; Gap<float> is made by rounding each member
//   hot<T>(neuron) -> Hot<T>
//   excess(state, hot, gap) -> V       static, for SIMD vectors and single numbers: positive for every neuron that may
//                                      cross its threshold within the gap; never otherwise where one does
//   decay(state, gap)                  static, likewise: the state after the gap
//
// Optionally: usual_crossings(state, neuron, gap, progress) and elapsed(progress): the way of `flow` and `fire` through
// a gap in which it crosses at most once, without a call; the number of crossings, or -1 if it cannot say, and then the
// state does not count. What `progress` is set to becomes the time of the crossing by `elapsed`, later.
//
// Optionally: own_gap(hot, gap), static, likewise: where neurons differ in their time constants, what excess and decay
// take for a gap in place of what the layer shares.
template <class Model>
concept SharedGapModel = NeuronModel<Model> &&
                         requires(const Model& model, typename Model::template State<double>& state,
                                  const typename Model::Neuron& neuron, const typename Model::template Hot<double>& hot,
                                  const typename Model::template Gap<double>& gap, double number) {
                             { model.gap(number) } -> SameAs<typename Model::template Gap<double>>;
                             { model.template hot<double>(neuron) } -> SameAs<typename Model::template Hot<double>>;
                             { Model::excess(state, hot, gap_for<Model>(hot, gap)) } -> SameAs<double>;
                             Model::decay(state, gap_for<Model>(hot, gap));
                         };

/// A model without a shared gap, as the engines take it: everybody may fire in every gap, and is moved through it by
/// itself, held or not.
template <class Model>
struct ExactOnly : Model {
    static constexpr bool coupled = true;
    static constexpr int most_vectors = 1;
    using Neuron = typename Model::Neuron;
    template <class V>
    using State = typename Model::template State<V>;
    template <class V>
    struct Hot {};
    template <class T>
    struct Gap {};

    using Model::Model;

    EVSIM_FN Gap<double> gap(double) const { return {}; }
    template <class T>
    EVSIM_FN Hot<T> hot(const Neuron&) const {
        return {};
    }
    template <class V, class T>
    EVSIM_FN static V excess(const State<V>&, const Hot<V>&, const Gap<T>&) {
        return V{} + LaneOf<V>(1);
    }
    template <class V, class T>
    EVSIM_FN static void decay(State<V>&, const Gap<T>&) {}
};

template <class Model>
struct WithGapOf {
    using Type = ExactOnly<Model>;
};
template <SharedGapModel Model>
struct WithGapOf<Model> {
    using Type = Model;
};
/// The model as the engines take it.
template <NeuronModel Model>
using WithGap = typename WithGapOf<Model>::Type;

}  // namespace EVSIM_ISA
}  // namespace evsim

#if defined(__CUDACC__)
#define EVSIM_NEURON_MODEL(...) using evsim_neuron_model = __VA_ARGS__;
#else
#include <evsim/neuron/model_checks.h>
#endif
