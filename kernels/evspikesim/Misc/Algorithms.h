// Algorithms under EvSpikeSim's names.
#pragma once

#if !defined(__CUDACC__)
#include <algorithm>

namespace EvSpikeSim {
using std::fill;
}
#endif
