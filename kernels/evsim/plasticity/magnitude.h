// Rules that learn how large a weight is, whatever its sign: weights of inhibitory inputs are negative.
#pragma once

#include <evsim/callbacks.h>

namespace evsim {
inline namespace EVSIM_ISA {

/// -1 for an inhibitory synapse and 1 for another. A weight of 0 does not tell, which is why rules mark the former.
template <class T>
EVSIM_FN T sign_of_synapse(T weight, bool marked) {
    return marked || weight < T(0) ? T(-1) : T(1);
}

/// The weight `change` further from 0, or nearer to it, but not beyond it nor beyond `largest`.
template <class T>
EVSIM_FN T grown(T weight, T sign, T change, T largest) {
    return sign * bounded(sign * weight + change, T(0), largest);
}

}  // namespace EVSIM_ISA
}  // namespace evsim
