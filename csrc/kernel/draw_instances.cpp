// What drives draw, for one instruction set. Compiled once per set, with EVSIM_ISA naming the copy; includes nothing
// that would leave code outside that namespace.
#include <evsim/loops/draws.h>

#define EVSIM_JOIN_(a, b) a##b
#define EVSIM_JOIN(a, b) EVSIM_JOIN_(a, b)

namespace evsim {

DrawKernel EVSIM_JOIN(draw_kernel_, EVSIM_ISA)() { return Draws::table(); }

}  // namespace evsim
