// The neuron models that evsim ships, but for those of nonlinear_models.h. A new model is a header in
// kernels/evsim/neuron, included and named here.
#pragma once

#include <evsim/neuron/fire_once.h>
#include <evsim/neuron/heterogeneous.h>
#include <evsim/neuron/iaf_delta.h>
#include <evsim/neuron/li.h>
#include <evsim/neuron/lif.h>
#include <evsim/neuron/lif_delta.h>
#include <evsim/neuron/linear.h>
#include <evsim/neuron/linear_leak_if.h>
#include <evsim/neuron/model.h>
#include <evsim/neuron/refractory.h>
#include <evsim/neuron/srm_alpha.h>
#include <evsim/neuron/stepped_if.h>

/// model(name, C++ type) for each of them.
// clang-format off
#define EVSIM_FOR_ALL_MODELS(model)                                        \
    model(lif, Lif)                                                        \
    model(lif_refractory, Refractory<Lif>)                                 \
    model(lif_heterogeneous, Refractory<Heterogeneous<Lif>>)                \
    model(lif_delta, LifDelta)                                             \
    model(lif_delta_refractory, Refractory<LifDelta>)                      \
    model(lif_delta_heterogeneous, Refractory<Heterogeneous<LifDelta>>)     \
    model(iaf_delta, IafDelta)                                             \
    model(iaf_delta_refractory, Refractory<IafDelta>)                      \
    model(li, Li)                                                          \
    model(li_heterogeneous, Heterogeneous<Li>)                             \
    model(linear_leak_if, LinearLeakIf)                                    \
    model(linear_leak_if_once, FireOnce<LinearLeakIf>)

/// Any linear neuron, by the number of its variables; those in between take the next larger one, linear_8 last.
#define EVSIM_FOR_LINEAR_MODELS(model)                                     \
    model(linear_3, Linear<3>)                                             \
    model(linear_5, Linear<5>)                                             \
    model(linear_3_heterogeneous, Heterogeneous<Linear<3>>)

/// Models that gain little from the widest registers, and are not compiled for them.
#define EVSIM_FOR_NARROW_MODELS(model)                                     \
    model(linear_8, Linear<8>)                                             \
    model(linear_8_heterogeneous, Heterogeneous<Linear<8>>)                 \
    model(srm_alpha, SrmAlpha)                                             \
    model(srm_alpha_heterogeneous, Heterogeneous<SrmAlphaBy<SrmSteps>>)     \
    model(stepped_if, SteppedIf)                                           \
    model(stepped_if_once, FireOnce<SteppedIf>)
// clang-format on

namespace evsim {
inline namespace EVSIM_ISA {

/// model_lif, model_lif_refractory, ...: the same types by name, for kernels compiled at run time.
#define EVSIM_NAME_MODEL(name, ...)   \
    using model_##name = __VA_ARGS__; \
    static_assert(NeuronModel<model_##name>);
EVSIM_FOR_ALL_MODELS(EVSIM_NAME_MODEL)
EVSIM_FOR_LINEAR_MODELS(EVSIM_NAME_MODEL)
EVSIM_FOR_NARROW_MODELS(EVSIM_NAME_MODEL)
#undef EVSIM_NAME_MODEL

}  // namespace EVSIM_ISA
}  // namespace evsim
