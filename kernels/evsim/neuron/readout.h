// What the engines keep for readouts besides their state, and how it ends in what users see.
#pragma once

#include <evsim/neuron/advance.h>
#include <evsim/portable.h>

namespace evsim {
inline namespace EVSIM_ISA {

/// A readout whose average over time is wanted needs no integral from event to event: over a linear membrane it follows
/// from the states at both ends and the sum of what has arrived. That sum must not drift, because the states forget
/// their rounding. It is kept in double: of float weights it is exact as long as they differ by less than 2^29 between
/// the smallest digit of one and the sum of all; with double weights what each addition loses is kept beside it.
///
///   charge_memory, lost_memory         constants: which of memory_names the sum is, and what it has lost
///   start_memory                       constant: which of them is the time of the beginning
///   initial_charge(state, neuron)      the sum before anything has arrived; the state is as rounded to its type
///   conclude(state, neuron, time, memory)   what is remembered at the end of the simulated time, of the state there
template <class Model>
inline constexpr bool concludes = requires { Model::charge_memory; };

/// One arrival more. `Weight` is the type in which weights are kept.
template <class Weight, class V>
EVSIM_FN void add_charge(V& sum, V& lost, const V& weight) {
    if constexpr (sizeof(Weight) < sizeof(double)) {
        sum += weight;
    } else {
        const V next = sum + weight;
        lost += weight - (next - sum);  // exact where the sum is the larger one (Dekker 1971): there it may drift
        sum = next;
    }
}

/// What a readout remembers at the beginning, as far as that does not depend on when it is. `state` is the initial one
/// as it is kept.
template <class Model>
EVSIM_FN void begin_memory(const Model& model, const typename Model::Neuron& neuron,
                           const typename Model::template State<double>& state, double* memory) {
    model.initial_memory(neuron, memory);
    if constexpr (concludes<Model>) memory[Model::charge_memory] = model.initial_charge(state, neuron);
}

/// What is remembered when nothing arrives for `duration` from `state` on, up to `time`; `gap` is the model's for that
/// duration.
template <class Model>
EVSIM_FN void conclude_after(const Model& model, typename Model::template State<double> state,
                             const typename Model::Neuron& neuron, double duration,
                             const typename Model::template Gap<double>& gap, double time, double* memory) {
    if constexpr (requires { Model::decay(state, gap); }) {
        Model::decay(state, gap);
    } else {
        model.flow(state, neuron, duration);
    }
    model.conclude(state, neuron, time, memory);
}

}  // namespace EVSIM_ISA
}  // namespace evsim
