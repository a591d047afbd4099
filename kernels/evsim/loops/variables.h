// Structs of neuron variables as rows of numbers: single neurons, SIMD vectors of them, and structures of arrays.
#pragma once

#include <cstddef>
#include <cstring>
#include <type_traits>

#include <evsim/portable.h>

namespace evsim {
inline namespace EVSIM_ISA {

/// A struct of variables of type V, read from and written to a structure of arrays.
template <class Struct, class V>
struct Variables {
    static constexpr int count = std::is_empty_v<Struct> ? 0 : static_cast<int>(sizeof(Struct) / sizeof(V));

    template <class T>
    static Struct load(const T* base, std::size_t stride) {
        Struct out{};
        if constexpr (count > 0) {
            // One by one: a copy of them all would go through memory, in pieces of another size.
            for (int k = 0; k < count; ++k) std::memcpy(bytes_of(out) + k * sizeof(V), base + k * stride, sizeof(V));
        }
        return out;
    }
    template <class T>
    static void store(const Struct& in, T* base, std::size_t stride) {
        if constexpr (count > 0) {
            for (int k = 0; k < count; ++k) std::memcpy(base + k * stride, bytes_of(in) + k * sizeof(V), sizeof(V));
        }
    }

 private:
    static char* bytes_of(Struct& s) { return reinterpret_cast<char*>(&s); }
    static const char* bytes_of(const Struct& s) { return reinterpret_cast<const char*>(&s); }
};

/// A vector of the numbers at `from`, which may be of another precision.
template <class V, class T>
[[gnu::always_inline]] inline V converted_vector(const T* from) {
    V out{};
    if constexpr (std::is_same_v<LaneOf<V>, T>) {
        std::memcpy(&out, from, sizeof(V));
    } else {
        for (std::size_t lane = 0; lane < sizeof(V) / sizeof(LaneOf<V>); ++lane)
            out[lane] = static_cast<LaneOf<V>>(from[lane]);
    }
    return out;
}

/// The same variables in another precision.
template <class To, class ToValue, class FromValue, class From>
[[gnu::always_inline]] inline To converted(const From& from) {
    constexpr int count = Variables<To, ToValue>::count;
    if constexpr (count == 0) {
        return {};
    } else {
        FromValue in[count];
        ToValue out[count];
        Variables<From, FromValue>::store(from, in, 1);
        for (int k = 0; k < count; ++k) out[k] = static_cast<ToValue>(in[k]);
        return Variables<To, ToValue>::load(out, 1);
    }
}

/// Every variable of a single neuron's state, in all lanes.
template <class Wide, class V, class Lane, class T>
inline Wide broadcast_state(const Lane& lane) {
    constexpr int count = Variables<Lane, T>::count;
    T values[count];
    V wide[count];
    Variables<Lane, T>::store(lane, values, 1);
    for (int k = 0; k < count; ++k) wide[k] = broadcast<V>(values[k]);
    Wide out;
    std::memcpy(&out, wide, sizeof(Wide));
    return out;
}

/// mask ? a : b for every variable.
template <class V, class Mask, class Wide>
inline Wide select_state(const Mask& mask, const Wide& a, const Wide& b) {
    constexpr int count = Variables<Wide, V>::count;
    V from_a[count], from_b[count];
    std::memcpy(from_a, &a, sizeof(Wide));
    std::memcpy(from_b, &b, sizeof(Wide));
    for (int k = 0; k < count; ++k) from_b[k] = select(mask, from_a[k], from_b[k]);
    Wide out;
    std::memcpy(&out, from_b, sizeof(Wide));
    return out;
}

/// Whether every variable is finite: x - x is 0 for those and NaN otherwise.
template <class State, class T>
inline bool finite(const State& state) {
    T values[Variables<State, T>::count], sum = 0;
    Variables<State, T>::store(state, values, 1);
    for (const T value : values) sum += value - value;
    return sum == T(0);
}

}  // namespace EVSIM_ISA
}  // namespace evsim
