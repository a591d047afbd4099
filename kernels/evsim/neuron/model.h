// What a neuron model is. The shipped models and a user's are written against this and nothing else.
#pragma once

#include <evsim/neuron/advance.h>

namespace evsim {
inline namespace EVSIM_ISA {

// A model is a struct Model, made from `const double* shared`, the values of its shared parameters. It has
//
//   n_shared, shared_names, neuron_names, observable_names   constants: what its numbers are called; optionally
//                                      shared_defaults and neuron_defaults, NaN where there is none
//   spikes                             whether a crossing is an output spike
//   jumps                              whether an input moves the potential itself, not only its slope
//   Neuron                             a struct of one double for each of neuron_names
//   State<V>, Hot<V>, Gap<T>           structs of V, V and T only: what changes; what the reject test needs of the
//                                      parameters; what a layer shares of the time between two events
//
//   gap(duration) -> Gap<double>       from 0 to infinity; Gap<float> is made by rounding each member
//   hot<T>(neuron) -> Hot<T>
//   initial(neuron) -> State<double>
//   excess(state, hot, gap) -> V       static, for SIMD vectors and single numbers: positive for every neuron that may
//                                      cross its threshold within the gap; never otherwise where one does
//   decay(state, gap)                  static, likewise: the state after the gap
//   receive(state, weight)             static, likewise: an input arrives
//
//   first_crossing(state, neuron, horizon) -> double   exact: time to the first crossing; anything above `horizon`,
//                                      or NaN, if there is none up to there
//   flow(state, neuron, duration)      exact decay
//   fire(state, neuron)                what a crossing does to the state: reset, adaptation, refractoriness
//   at_threshold(state, neuron)        whether the potential is at or above threshold now
//   endless(neuron)                    static: whether it fires for ever without input
//   observe(state, neuron, k) -> double   value of observable_names[k]
//
// Optionally: advance(state, neuron, gap, factors, closed, fired), a cheaper way through a gap than from crossing to
// crossing; hold and flow_held, to be put into Refractory<Model>.
template <class Model>
concept NeuronModel = requires(const Model& model, typename Model::template State<double>& state,
                               const typename Model::Neuron& neuron, const typename Model::template Hot<double>& hot,
                               const typename Model::template Gap<double>& gap, const double* shared, double number) {
    Model(shared);
    Model::shared_names[0];
    Model::neuron_names[0];
    Model::observable_names[0];
    { Model::n_shared + 0 } -> SameAs<int>;
    { !Model::spikes } -> SameAs<bool>;
    { !Model::jumps } -> SameAs<bool>;
    { model.gap(number) } -> SameAs<typename Model::template Gap<double>>;
    { model.template hot<double>(neuron) } -> SameAs<typename Model::template Hot<double>>;
    { model.initial(neuron) } -> SameAs<typename Model::template State<double>>;
    { Model::excess(state, hot, gap) } -> SameAs<double>;
    Model::decay(state, gap);
    Model::receive(state, number);
    { model.first_crossing(state, neuron, number) } -> SameAs<double>;
    model.flow(state, neuron, number);
    model.fire(state, neuron);
    { model.at_threshold(state, neuron) } -> SameAs<bool>;
    { Model::endless(neuron) } -> SameAs<bool>;
    { model.observe(state, neuron, 0) } -> SameAs<double>;
};

}  // namespace EVSIM_ISA
}  // namespace evsim

/// The last line of a user's model: EVSIM_NEURON_MODEL(MyNeuron)
#define EVSIM_NEURON_MODEL(...)             \
    using evsim_neuron_model = __VA_ARGS__; \
    static_assert(evsim::NeuronModel<evsim_neuron_model>, "not a neuron model; see <evsim/neuron/model.h>");
