// What kernels and users' sources need of the C++ standard library, for NVRTC, which has
// nothing of it but std::initializer_list. Found as <cmath>,
// <cstdint>, ... because this folder is on the include path of device code, and only there.
#pragma once

using int8_t = signed char;
using int16_t = short;
using int32_t = int;
using int64_t = long long;
using uint8_t = unsigned char;
using uint16_t = unsigned short;
using uint32_t = unsigned int;
using uint64_t = unsigned long long;

namespace std {

using ::int16_t;
using ::int32_t;
using ::int64_t;
using ::int8_t;
using ::size_t;
using ::uint16_t;
using ::uint32_t;
using ::uint64_t;
using ::uint8_t;
using ptrdiff_t = decltype(static_cast<char*>(nullptr) - static_cast<char*>(nullptr));
using nullptr_t = decltype(nullptr);

// Types

template <class A, class B>
inline constexpr bool is_same_v = false;
template <class A>
inline constexpr bool is_same_v<A, A> = true;
template <class T>
inline constexpr bool is_empty_v = __is_empty(T);
template <class T>
inline constexpr bool is_floating_point_v = is_same_v<T, float> || is_same_v<T, double>;
template <class T>
concept floating_point = is_floating_point_v<T>;

template <bool condition, class A, class B>
struct conditional {
    using type = A;
};
template <class A, class B>
struct conditional<false, A, B> {
    using type = B;
};
template <bool condition, class A, class B>
using conditional_t = typename conditional<condition, A, B>::type;

// Constants and functions

template <class T>
struct numeric_limits;
template <>
struct numeric_limits<float> {
    static constexpr float epsilon() { return 0x1p-23f; }
    static constexpr float min() { return 0x1p-126f; }
    static constexpr float max() { return 0x1.fffffep127f; }
    static constexpr float lowest() { return -max(); }
    static float infinity() { return __int_as_float(0x7f800000); }
    static float quiet_NaN() { return __int_as_float(0x7fc00000); }
};
template <>
struct numeric_limits<double> {
    static constexpr double epsilon() { return 0x1p-52; }
    static constexpr double min() { return 0x1p-1022; }
    static constexpr double max() { return 0x1.fffffffffffffp1023; }
    static constexpr double lowest() { return -max(); }
    static constexpr double infinity() { return __builtin_bit_cast(double, 0x7ff0000000000000); }
    static constexpr double quiet_NaN() { return __builtin_bit_cast(double, 0x7ff8000000000000); }
};
template <>
struct numeric_limits<int> {
    static constexpr int min() { return -2147483647 - 1; }
    static constexpr int max() { return 2147483647; }
    static constexpr int lowest() { return min(); }
};

#define EVSIM_STD_UNARY(name)                           \
    inline float name(float x) { return ::name##f(x); } \
    inline double name(double x) { return ::name(x); }  \
    inline double name(int x) { return ::name(static_cast<double>(x)); }
EVSIM_STD_UNARY(acos)
EVSIM_STD_UNARY(asin)
EVSIM_STD_UNARY(atan)
EVSIM_STD_UNARY(cbrt)
EVSIM_STD_UNARY(ceil)
EVSIM_STD_UNARY(cos)
EVSIM_STD_UNARY(cosh)
EVSIM_STD_UNARY(erf)
EVSIM_STD_UNARY(exp)
EVSIM_STD_UNARY(exp2)
EVSIM_STD_UNARY(expm1)
EVSIM_STD_UNARY(fabs)
EVSIM_STD_UNARY(floor)
EVSIM_STD_UNARY(log)
EVSIM_STD_UNARY(log10)
EVSIM_STD_UNARY(log1p)
EVSIM_STD_UNARY(log2)
EVSIM_STD_UNARY(round)
EVSIM_STD_UNARY(sin)
EVSIM_STD_UNARY(sinh)
EVSIM_STD_UNARY(sqrt)
EVSIM_STD_UNARY(tan)
EVSIM_STD_UNARY(tanh)
EVSIM_STD_UNARY(trunc)
#undef EVSIM_STD_UNARY

#define EVSIM_STD_BINARY(name)                                      \
    inline float name(float x, float y) { return ::name##f(x, y); } \
    inline double name(double x, double y) { return ::name(x, y); }
EVSIM_STD_BINARY(atan2)
EVSIM_STD_BINARY(copysign)
EVSIM_STD_BINARY(fmax)
EVSIM_STD_BINARY(fmin)
EVSIM_STD_BINARY(fmod)
EVSIM_STD_BINARY(hypot)
EVSIM_STD_BINARY(pow)
#undef EVSIM_STD_BINARY

inline float fma(float x, float y, float z) { return ::fmaf(x, y, z); }
inline double fma(double x, double y, double z) { return ::fma(x, y, z); }
inline float abs(float x) { return ::fabsf(x); }
inline double abs(double x) { return ::fabs(x); }
inline int abs(int x) { return x < 0 ? -x : x; }
template <class T>
inline bool isnan(T x) {
    return x != x;
}
template <class T>
inline bool isfinite(T x) {
    return x - x == T(0);
}
template <class T>
inline bool isinf(T x) {
    return x == x && x - x != T(0);
}

template <class T>
constexpr const T& min(const T& a, const T& b) {
    return b < a ? b : a;
}
template <class T>
constexpr const T& max(const T& a, const T& b) {
    return a < b ? b : a;
}
template <class T>
constexpr const T& clamp(const T& value, const T& low, const T& high) {
    return value < low ? low : high < value ? high : value;
}

inline void* memcpy(void* to, const void* from, size_t n) { return ::memcpy(to, from, n); }

template <class T, size_t n>
constexpr size_t size(const T (&)[n]) {
    return n;
}

}  // namespace std
