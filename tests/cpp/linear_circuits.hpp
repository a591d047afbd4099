// Random linear neurons for the campaign of test_linear_crossing.cpp: matrices as evsim.neurons.Linear makes them.
#pragma once

#include <algorithm>
#include <cmath>
#include <random>
#include <string>

namespace evsim {

using Random = std::mt19937_64;

inline double uniform(Random& random, double low, double high) {
    return std::uniform_real_distribution<double>(low, high)(random);
}
inline double log_uniform(Random& random, double low, double high) {
    return std::pow(10.0, uniform(random, low, high));
}

enum class CircuitKind {
    exponential,
    alpha,
    double_exponential,
    alif,
    integrator,
    resonator,
    damped_pair,
    cascade,
    all
};
inline constexpr CircuitKind circuit_kinds[] = {
    CircuitKind::exponential, CircuitKind::alpha,      CircuitKind::double_exponential,
    CircuitKind::alif,        CircuitKind::integrator, CircuitKind::resonator,
    CircuitKind::damped_pair, CircuitKind::cascade,    CircuitKind::all};

/// x' = A x, read out by c, with c e^{A t} x <= ceiling |x|.
template <int N>
struct Circuit {
    double a[N][N] = {}, c[N] = {}, ceiling[N] = {};
    double membrane = 1.0, fastest = 1e300;
    int size = 0;

    Circuit(CircuitKind kind, Random& random) : random_(random) {
        membrane = log_uniform(random, 0.0, 1.5);
        switch (kind) {
            case CircuitKind::exponential:
                synapse(1), soma();
                break;
            case CircuitKind::alpha:
                synapse(2, true), soma();
                break;
            case CircuitKind::double_exponential:
                synapse(2), soma();
                break;
            case CircuitKind::alif:
                synapse(1), soma(), threshold_adaptation();
                break;
            case CircuitKind::integrator:
                synapse(1), soma(false), drive();
                break;
            case CircuitKind::resonator:
                synapse(1), soma(), current_adaptation(log_uniform(random, -0.5, 2.0));
                break;
            case CircuitKind::damped_pair:
                synapse(1), soma(), current_adaptation(uniform(random, -0.9, 0.3));
                break;
            case CircuitKind::cascade:
                while (size + 1 < N) stage();
                soma();
                break;
            case CircuitKind::all:
                if constexpr (N >= 8) synapse(2), synapse(1, true);
                if constexpr (N >= 5) synapse(1), soma(), threshold_adaptation(), current_adaptation(0.0);
                if constexpr (N < 5) synapse(1), soma();
                break;
        }
        bound();
    }

 private:
    Random& random_;
    int soma_ = -1, waiting_[N] = {}, n_waiting_ = 0;

    /// Often equal to the membrane's or the last one, or nearly so.
    double time_constant(double last = 0.0) {
        double tau = membrane * log_uniform(random_, -1.3, 1.3);
        const double kind = uniform(random_, 0.0, 1.0);
        if (kind < 0.5) {
            tau = last > 0.0 && kind < 0.25 ? last : membrane;
            if (kind > 0.1) tau *= 1.0 + (kind > 0.3 ? 1.0 : -1.0) * log_uniform(random_, -15.5, -3.0);
        }
        fastest = std::min(fastest, tau);
        return tau;
    }
    int variable(double tau) {
        a[size][size] = tau > 0.0 ? -1.0 / tau : 0.0;
        return size++;
    }
    void synapse(int stages, bool alpha = false) {
        const double rise = time_constant(), decay = alpha ? rise : time_constant(rise);
        if (stages == 2) {
            const int first = variable(rise);
            a[size][first] = log_uniform(random_, -0.3, 0.3) * std::exp(1.0) / std::max(rise, decay);
        }
        waiting_[n_waiting_++] = variable(decay);
    }
    /// Of a chain, each driving the next.
    void stage() {
        const double tau = time_constant();
        const int own = variable(tau);
        if (n_waiting_ > 0) a[own][waiting_[--n_waiting_]] = 1.0 / tau;
        waiting_[n_waiting_++] = own;
    }
    void soma(bool leaky = true) {
        fastest = std::min(fastest, membrane);
        soma_ = variable(leaky ? membrane : 0.0);
        for (int k = 0; k < n_waiting_; ++k) a[soma_][waiting_[k]] = 1.0 / membrane;
        c[soma_] = 1.0;
    }
    void drive() {
        const int one = variable(0.0);
        a[soma_][one] = uniform(random_, -1.0, 1.0) / membrane;
    }
    void threshold_adaptation() { c[variable(time_constant())] = -1.0; }
    void current_adaptation(double coupling) {
        const double tau = time_constant();
        const int own = variable(tau);
        a[soma_][own] = -1.0 / membrane;
        a[own][soma_] = coupling / tau;
    }

    /// Without cycles as in Python; with one by the largest value met, by a margin.
    void bound() {
        bool cyclic = false;
        for (int k = soma_ + 1; k < size; ++k) cyclic = cyclic || a[k][soma_] != 0.0;
        if (cyclic) {
            double row[N], largest = 0.0;
            for (int j = 0; j < N; ++j) row[j] = c[j];
            for (int i = 0; i < N; ++i)
                for (int j = 0; j < N; ++j) largest = std::max(largest, std::fabs(a[i][j]));
            const double step = 0.02 / largest;
            for (int k = 0; k < 20000; ++k) {
                double next[N];
                for (int j = 0; j < N; ++j) {
                    ceiling[j] = std::max(ceiling[j], 1.1 * std::fabs(row[j]));
                    next[j] = row[j];
                    for (int i = 0; i < N; ++i) next[j] += step * row[i] * a[i][j];
                }
                for (int j = 0; j < N; ++j) row[j] = next[j];
            }
            return;
        }
        for (int pass = 0; pass < N; ++pass)
            for (int j = 0; j < N; ++j) {
                double out = 0.0;
                for (int i = 0; i < N; ++i) out += i == j ? 0.0 : ceiling[i] * std::fabs(a[i][j]);
                ceiling[j] = std::max(std::fabs(c[j]), out == 0.0 ? 0.0 : a[j][j] < 0.0 ? out / -a[j][j] : 1e37);
            }
    }
};

}  // namespace evsim
