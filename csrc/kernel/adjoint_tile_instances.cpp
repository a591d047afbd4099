// The way back through dense layers, for one instruction set; as draw_instances.cpp.
#include <evsim/loops/adjoint_tiles.h>

#define EVSIM_JOIN_(a, b) a##b
#define EVSIM_JOIN(a, b) EVSIM_JOIN_(a, b)

namespace evsim {

/// For neurons of up to `size` variables and weights of `value_bytes`.
AdjointTileKernel EVSIM_JOIN(adjoint_tile_kernel_, EVSIM_ISA)(int size, int value_bytes) {
    if (size <= 2) return value_bytes == 4 ? adjoint_tile_table<2, float>() : adjoint_tile_table<2, double>();
    return value_bytes == 4 ? adjoint_tile_table<4, float>() : adjoint_tile_table<4, double>();
}

}  // namespace evsim
