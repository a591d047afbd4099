// All shipped plasticity rules on weights of double, for one instruction set; as instances.cpp.
#define EVSIM_REAL double
#include <evsim/loops/shipped_rules.h>

#define EVSIM_JOIN_(a, b) a##b
#define EVSIM_JOIN(a, b) EVSIM_JOIN_(a, b)

namespace evsim {

/// Calls `add` with the table of every rule.
void EVSIM_JOIN(visit_double_rules_, EVSIM_ISA)(void (*add)(void* registry, const RuleKernel&), void* registry) {
    visit_shipped_rules(add, registry);
}

}  // namespace evsim
