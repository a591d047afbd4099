#include "core/cpu.hpp"

#include <algorithm>
#include <cstdlib>

#if defined(EVSIM_X86_64)
#include <cpuid.h>
#endif

#include "core/errors.hpp"

namespace evsim {

#if defined(EVSIM_X86_64)
namespace {

/// The parts of x86-64-v3 that __builtin_cpu_supports does not know in every compiler.
bool has_lzcnt_movbe_f16c() {
    unsigned a = 0, b = 0, c = 0, d = 0;
    if (!__get_cpuid(1, &a, &b, &c, &d)) return false;
    const bool movbe = (c >> 22) & 1u, f16c = (c >> 29) & 1u;
    if (!__get_cpuid(0x80000001u, &a, &b, &c, &d)) return false;
    const bool lzcnt = (c >> 5) & 1u;
    return movbe && f16c && lzcnt;
}

}  // namespace
#endif

std::vector<std::string> supported_isas() {
    std::vector<std::string> found;
#if defined(EVSIM_X86_64)
    __builtin_cpu_init();
    const bool v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&
                    __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt") && has_lzcnt_movbe_f16c();
#if defined(EVSIM_AVX512)
    const bool v4 = v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                    __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
                    __builtin_cpu_supports("avx512vl");
    if (v4) found.emplace_back("avx512");
#endif
    if (v3) found.emplace_back("avx2");
#endif
    found.emplace_back("baseline");
    return found;
}

const std::string& active_isa() {
    static const std::string active = [] {
        const std::vector<std::string> supported = supported_isas();
        const char* wish = std::getenv("EVSIM_SIMD");
        if (wish == nullptr || *wish == '\0') return supported.front();
        if (std::find(supported.begin(), supported.end(), wish) == supported.end()) {
            std::string names;
            for (const std::string& name : supported) names += (names.empty() ? "" : ", ") + name;
            throw InvalidArgument(text("EVSIM_SIMD is '", wish, "'; this machine runs: ", names));
        }
        return std::string(wish);
    }();
    return active;
}

}  // namespace evsim
