// Which of the compiled instruction sets this machine runs.
#pragma once

#include <string>
#include <vector>

namespace evsim {

/// Instruction sets in this binary that this machine has, best first: "avx512", "avx2", "baseline".
std::vector<std::string> supported_isas();
/// The one in use: the best, or what the environment variable EVSIM_SIMD names. Throws InvalidArgument if that cannot
/// run here.
const std::string& active_isa();

}  // namespace evsim
