// Steps of optimizers, for one instruction set; as draw_instances.cpp.
#include <evsim/loops/optimizer_steps.h>

#define EVSIM_JOIN_(a, b) a##b
#define EVSIM_JOIN(a, b) EVSIM_JOIN_(a, b)

namespace evsim {

OptimizerSteps EVSIM_JOIN(optimizer_steps_, EVSIM_ISA)() { return optimizer_steps(); }

}  // namespace evsim
