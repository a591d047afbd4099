// The plasticity rules that evsim ships, of kernels/shipped, as tables for one type of weights, EVSIM_REAL. A new rule
// is a source there, included and named here.
#pragma once

#include <evsim/callbacks.h>
#include <evsim/plasticity/callback_rule.h>
#include <evsim/plasticity/magnitude.h>
#include <evsim/plasticity/spike_pairs.h>

#include <evsim/loops/rule_table.h>

/// A source as users write it, in a namespace of its own. Nothing of it is seen from outside.
#define EVSIM_BEGIN_RULE(name)   \
    namespace evsim {            \
    inline namespace EVSIM_ISA { \
    namespace {                  \
    namespace name {             \
    using namespace evsim_not_defined;
#define EVSIM_END_RULE(name)                     \
    }                                            \
    EVSIM_NAME_CALLBACKS(callbacks_##name, name) \
    }                                            \
    }                                            \
    }

EVSIM_BEGIN_RULE(diehl_cook_stdp)
#include <shipped/diehl_cook_stdp.cpp>
EVSIM_END_RULE(diehl_cook_stdp)
EVSIM_BEGIN_RULE(eligibility_stdp)
#include <shipped/eligibility_stdp.cpp>
EVSIM_END_RULE(eligibility_stdp)
EVSIM_BEGIN_RULE(guetig_stdp)
#include <shipped/guetig_stdp.cpp>
EVSIM_END_RULE(guetig_stdp)
EVSIM_BEGIN_RULE(mozafari_stdp)
#include <shipped/mozafari_stdp.cpp>
EVSIM_END_RULE(mozafari_stdp)
EVSIM_BEGIN_RULE(pair_stdp)
#include <shipped/pair_stdp.cpp>
EVSIM_END_RULE(pair_stdp)
EVSIM_BEGIN_RULE(reward_stdp)
#include <shipped/reward_stdp.cpp>
EVSIM_END_RULE(reward_stdp)
EVSIM_BEGIN_RULE(simplified_stdp)
#include <shipped/simplified_stdp.cpp>
EVSIM_END_RULE(simplified_stdp)
EVSIM_BEGIN_RULE(spark_oja)
#include <shipped/spark_oja.cpp>
EVSIM_END_RULE(spark_oja)
EVSIM_BEGIN_RULE(spark_quadruplet)
#include <shipped/spark_quadruplet.cpp>
EVSIM_END_RULE(spark_quadruplet)
EVSIM_BEGIN_RULE(spark_quadruplet_tensor)
#include <shipped/spark_quadruplet_tensor.cpp>
EVSIM_END_RULE(spark_quadruplet_tensor)
EVSIM_BEGIN_RULE(spark_zenke)
#include <shipped/spark_zenke.cpp>
EVSIM_END_RULE(spark_zenke)
EVSIM_BEGIN_RULE(triplet_stdp)
#include <shipped/triplet_stdp.cpp>
EVSIM_END_RULE(triplet_stdp)
EVSIM_BEGIN_RULE(tsodyks_markram)
#include <shipped/tsodyks_markram.cpp>
EVSIM_END_RULE(tsodyks_markram)
EVSIM_BEGIN_RULE(vogels_stdp)
#include <shipped/vogels_stdp.cpp>
EVSIM_END_RULE(vogels_stdp)
EVSIM_BEGIN_RULE(voltage_stdp)
#include <shipped/voltage_stdp.cpp>
EVSIM_END_RULE(voltage_stdp)

#undef EVSIM_BEGIN_RULE
#undef EVSIM_END_RULE

// clang-format off
#define EVSIM_FOR_ALL_RULES(rule) \
    rule(diehl_cook_stdp) \
    rule(eligibility_stdp) \
    rule(guetig_stdp) \
    rule(mozafari_stdp) \
    rule(pair_stdp) \
    rule(reward_stdp) \
    rule(simplified_stdp) \
    rule(spark_oja) \
    rule(spark_quadruplet) \
    rule(spark_quadruplet_tensor) \
    rule(spark_zenke) \
    rule(triplet_stdp) \
    rule(tsodyks_markram) \
    rule(vogels_stdp) \
    rule(voltage_stdp)
// clang-format on

namespace evsim {
inline namespace EVSIM_ISA {
namespace {

/// Calls `add` with the table of every rule.
void visit_shipped_rules(void (*add)(void* registry, const RuleKernel&), void* registry) {
#define EVSIM_ADD(name) add(registry, RuleTable<real, CallbackRule<real, callbacks_##name>>::table(#name));
    EVSIM_FOR_ALL_RULES(EVSIM_ADD)
#undef EVSIM_ADD
}

}  // namespace
}  // namespace EVSIM_ISA
}  // namespace evsim
