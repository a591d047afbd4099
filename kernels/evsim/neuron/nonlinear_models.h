// The non-linear neuron models that evsim ships, and those that live on a grid. They do nothing in SIMD, and are
// compiled by themselves.
#pragma once

#include <evsim/neuron/adaptive_peak.h>
#include <evsim/neuron/adex.h>
#include <evsim/neuron/coba_lif.h>
#include <evsim/neuron/exp_lif.h>
#include <evsim/neuron/izhikevich.h>
#include <evsim/neuron/loihi.h>
#include <evsim/neuron/model.h>
#include <evsim/neuron/qif.h>
#include <evsim/neuron/srm_alpha_grid.h>

/// model(name, C++ type) for each of them.
// clang-format off
#define EVSIM_FOR_NONLINEAR_MODELS(model)                                  \
    model(exp_lif, ExpLif)                                                 \
    model(exp_lif_adaptive_peak, Taylor<AdaptivePeak<ExpLifEquations>>)    \
    model(adex, AdEx)                                                      \
    model(adex_adaptive_peak, Taylor<AdaptivePeak<AdExEquations>>)         \
    model(qif, Qif)                                                        \
    model(izhikevich, Izhikevich)                                          \
    model(coba_lif, CobaLif)                                               \
    model(loihi, Loihi)                                                    \
    model(srm_alpha_grid, SrmAlphaGrid<128>)                               \
    model(srm_alpha_grid_long, SrmAlphaGrid<1024>)
// clang-format on

namespace evsim {
inline namespace EVSIM_ISA {

/// As in models.h.
#define EVSIM_NAME_MODEL(name, ...)   \
    using model_##name = __VA_ARGS__; \
    static_assert(NeuronModel<model_##name>);
EVSIM_FOR_NONLINEAR_MODELS(EVSIM_NAME_MODEL)
#undef EVSIM_NAME_MODEL

}  // namespace EVSIM_ISA
}  // namespace evsim
