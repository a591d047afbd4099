// One neuron through one gap between two input events: the exact, rare path of every neuron model.
#pragma once

#include <evsim/portable.h>

namespace evsim {
inline namespace EVSIM_ISA {

/// Moves `state` by `gap`, through every threshold crossing on the way. `fired(elapsed)` is called for each one in order
/// and returns false to stop early. Returns the number of crossings.
///
/// A crossing at exactly `gap` counts: the membrane potential has reached the threshold before the next event changes anything.
template <class Model, class Fired>
EVSIM_FN int advance_by_crossings(const Model& model, typename Model::template State<double>& state,
                     const typename Model::Neuron& neuron, double gap, Fired&& fired) {
    double elapsed = 0.0;
    int crossings = 0;
    for (;;) {
        const double remaining = gap - elapsed;
        const double crossing = model.first_crossing(state, neuron, remaining);
        if (!(crossing <= remaining)) {
            model.flow(state, remaining);
            return crossings;
        }
        elapsed += crossing;
        model.flow(state, crossing);
        model.fire(state, neuron);
        ++crossings;
        if (!fired(elapsed)) return crossings;
    }
}

/// The same, by the model's own `advance` if it knows a cheaper way through a gap.
template <class Model, class Fired>
EVSIM_FN int advance(const Model& model, typename Model::template State<double>& state,
                     const typename Model::Neuron& neuron, double gap, Fired&& fired) {
    if constexpr (requires { model.advance(state, neuron, gap, fired); }) {
        return model.advance(state, neuron, gap, fired);
    } else {
        return advance_by_crossings(model, state, neuron, gap, fired);
    }
}

}  // namespace EVSIM_ISA
}  // namespace evsim
