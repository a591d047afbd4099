// One neuron through one gap between two input events: the exact, rare path of every neuron model.
#pragma once

#include <evsim/portable.h>

namespace evsim {
inline namespace EVSIM_ISA {

/// Moves `state` by `gap`, through every threshold crossing on the way. `fired(elapsed)` is called for each one in
/// order and returns false to stop early. Returns the number of crossings.
///
/// A crossing at the very end of the gap counts if `closed`.
template <class Model, class Fired>
EVSIM_FN int advance_by_crossings(const Model& model, typename Model::template State<double>& state,
                                  const typename Model::Neuron& neuron, double gap, bool closed, Fired&& fired) {
    double elapsed = 0.0;
    int crossings = 0;
    for (;;) {
        const double remaining = gap - elapsed;
        const double crossing = model.first_crossing(state, neuron, remaining);
        if (!(closed ? crossing <= remaining : crossing < remaining)) {
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

/// The same, by the model's own `advance` if it knows a cheaper way through a gap; `factors` = model.gap(gap).
template <class Model, class Fired>
EVSIM_FN int advance(const Model& model, typename Model::template State<double>& state,
                     const typename Model::Neuron& neuron, double gap,
                     const typename Model::template Gap<double>& factors, bool closed, Fired&& fired) {
    if constexpr (requires { model.advance(state, neuron, gap, factors, closed, fired); }) {
        return model.advance(state, neuron, gap, factors, closed, fired);
    } else {
        return advance_by_crossings(model, state, neuron, gap, closed, fired);
    }
}

}  // namespace EVSIM_ISA
}  // namespace evsim
