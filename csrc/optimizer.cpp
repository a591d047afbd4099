#include "optimizer.hpp"

#include "core/cpu.hpp"

namespace evsim {

#if defined(EVSIM_AVX512)
OptimizerSteps optimizer_steps_avx512();
#endif
#if defined(EVSIM_X86_64)
OptimizerSteps optimizer_steps_avx2();
#endif
OptimizerSteps optimizer_steps_baseline();

namespace {

OptimizerSteps find_optimizer_steps() {
#if defined(EVSIM_AVX512)
    if (active_isa() == "avx512") return optimizer_steps_avx512();
#endif
#if defined(EVSIM_X86_64)
    if (active_isa() == "avx2") return optimizer_steps_avx2();
#endif
    return optimizer_steps_baseline();
}

const OptimizerSteps& steps() {
    static const OptimizerSteps found = find_optimizer_steps();
    return found;
}

}  // namespace

void optimizer_step(const OptimizerRows& rows, const OptimizerNumbers& numbers, int value_bytes, bool adaptive) {
    if (value_bytes == 4) {
        (adaptive ? steps().adaptive_float : steps().momentum_float)(rows, numbers);
    } else {
        (adaptive ? steps().adaptive_double : steps().momentum_double)(rows, numbers);
    }
}

double sum_of_squares(const OptimizerRows& rows, int value_bytes) {
    return value_bytes == 4 ? steps().squares_float(rows) : steps().squares_double(rows);
}

}  // namespace evsim
