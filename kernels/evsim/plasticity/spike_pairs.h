// Rules that change a weight by the times of one input and one output spike.
#pragma once

#include <evsim/portable.h>

namespace evsim {
inline namespace EVSIM_ISA {

/// Simplified STDP (Kheradpisheh et al. 2018, eq. 3): only the order of the two spikes counts, and an input that never
/// fired counts as late. The stabiliser (w - w_min)(w_max - w) keeps weights within their bounds.
struct SimplifiedStdp {
    double a_plus, a_minus;
    bool additive;  ///< without the stabiliser
    double w_min, w_max;

    EVSIM_FN double change(double weight, bool input_fired, double post_minus_pre) const {
        const double stabiliser = additive ? 1.0 : (weight - w_min) * (w_max - weight);
        return stabiliser * (input_fired && post_minus_pre >= 0.0 ? a_plus : -a_minus);
    }
};

/// Pair-based STDP with weight-dependent changes (Guetig et al. 2003, eqs. 1 and 2); mu = 0 is additive, 1
/// multiplicative. An input that never fired forms no pair.
struct GuetigStdp {
    double learning_rate, alpha, mu_plus, mu_minus, tau_plus, tau_minus;
    double w_min, w_max;

    EVSIM_FN double change(double weight, bool input_fired, double post_minus_pre) const {
        if (!input_fired) return 0.0;
        const double fraction = (weight - w_min) / (w_max - w_min);
        if (post_minus_pre >= 0.0)
            return learning_rate * std::pow(1.0 - fraction, mu_plus) * std::exp(-post_minus_pre / tau_plus);
        return -learning_rate * alpha * std::pow(fraction, mu_minus) * std::exp(post_minus_pre / tau_minus);
    }
};

}  // namespace EVSIM_ISA
}  // namespace evsim
