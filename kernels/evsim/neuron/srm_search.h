// The two kernels of a spike response neuron, its own and that of its synapse, and when their sum crosses a level. Each
// is a cascade, rise' = -rise / tau, psp' = (e rise - psp) / tau.
#pragma once

#include <evsim/exponential.h>
#include <evsim/neuron/linear_crossing.h>
#include <evsim/neuron/too_many_steps.h>

namespace evsim {
inline namespace EVSIM_ISA {

inline constexpr double euler = 2.71828182845904523536;

/// What a gap does to one of the kernels. An arc of bounded curvature lies between its chord and an eighth of the
/// squared gap times the curvature: `bend` for each |psp| and `rise_bend` for each |rise|.
template <class T>
struct SrmKernelGap {
    T change, gain;
    T bend, rise_bend;

    /// For single numbers, and for SIMD vectors of neurons with the same bits. `rounding` widens the bound.
    EVSIM_FN static SrmKernelGap over(const T& duration, const T& tau, double rounding) {
        const auto at_most = [](const T& a, double limit) {
            return select(a < broadcast<T>(limit), a, broadcast<T>(limit));
        };
        const T ratio = at_most(duration / tau, 1e3);
        const Exponential<T> factor = exponential_of_nonpositive<T>(-ratio);
        // |psp''| <= (|psp| + 2 e |rise|) / tau^2 from any state, and neither part leaves [-1, 1] times its beginning.
        const T arc = 0.125 * ratio * ratio, rise_arc = 2.0 * euler * arc;
        return {factor.minus_one, euler * ratio * factor.value, at_most(arc, 2.0) + rounding,
                at_most(rise_arc, 2.0) + rounding};
    }
    /// By how much psp grows, and by how much less than the larger of its ends plus this it stays in between.
    template <class V>
    EVSIM_FN V rise_of(const V& psp, const V& rise) const {
        return multiply_add(rise, broadcast<V>(gain), psp * broadcast<V>(change));
    }
    template <class V>
    EVSIM_FN V bend_of(const V& psp, const V& rise) const {
        return multiply_add(magnitude(rise), broadcast<V>(rise_bend), magnitude(psp) * broadcast<V>(bend));
    }
    template <class V>
    EVSIM_FN void pass(V& psp, V& rise) const {
        psp = psp + rise_of(psp, rise);
        rise = multiply_add(rise, broadcast<V>(change), rise);
    }
};

/// rise and psp of both kernels. `rising` and `falling` of the two structs below: the earliest time at which their sum
/// is at or above a level, or at or below it; or anything above `horizon`, or NaN, if there is none up to there.
using SrmKernels = Row<4>;

/// For time constants that many neurons share: by tables of the powers of their matrix.
struct SrmTables {
    LinearFlow<4> linear;
    LinearCrossing<4> up, down;

    EVSIM_FN SrmTables(double tau_syn, double tau_refractory)
        : linear(Matrices(tau_syn, tau_refractory).flow),
          up(linear, Matrices(tau_syn, tau_refractory).readout, Matrices(tau_syn, tau_refractory).ceiling),
          down(linear, Matrices(tau_syn, tau_refractory).opposite, Matrices(tau_syn, tau_refractory).ceiling) {}

    EVSIM_FN double rising(const SrmKernels& x, double level, double horizon) const {
        return up.first(x, level, horizon);
    }
    EVSIM_FN double falling(const SrmKernels& x, double level, double horizon) const {
        return down.first(x, -level, horizon);
    }

 private:
    /// No kernel is above 1.
    struct Matrices {
        double flow[16] = {};
        double readout[4] = {0.0, 1.0, 0.0, 1.0}, opposite[4] = {0.0, -1.0, 0.0, -1.0};
        double ceiling[4] = {1.0, 1.0, 1.0, 1.0};

        EVSIM_FN Matrices(double tau_syn, double tau_refractory) {
            const double tau[] = {tau_syn, tau_refractory};
            for (int k = 0; k < 4; ++k) flow[5 * k] = -1.0 / tau[k / 2];
            flow[4] = euler / tau[0];
            flow[14] = euler / tau[1];
        }
    };
};

/// For time constants of one neuron: by series of its own state, which need no tables. What is found does not depend
/// on the horizon, to the last bit.
struct SrmSteps {
    static constexpr int degree = LinearFlow<4>::degree;

    double tau_syn, tau_refractory;
    double unit;  ///< a time for which the series is exact, as in LinearFlow

    EVSIM_FN SrmSteps(double tau_syn_, double tau_refractory_)
        : tau_syn(tau_syn_),
          tau_refractory(tau_refractory_),
          unit(0.25 / (1.0 + euler) * (tau_syn < tau_refractory ? tau_syn : tau_refractory)) {}

    EVSIM_FN double rising(const SrmKernels& x, double level, double horizon) const { return first(x, level, horizon); }
    EVSIM_FN double falling(const SrmKernels& x, double level, double horizon) const {
        return first(x.scaled(-1.0), -level, horizon);
    }

 private:
    /// Steps double while the bound lets them pass, and shrink to polynomials where it does not.
    EVSIM_NOINLINE double first(SrmKernels x, double level, double horizon) const {
        if (x.at[1] + x.at[3] >= level) return 0.0;
        double now = 0.0, step = unit;
        for (std::int64_t steps = 0; !(now > horizon); ++steps) {
            if (steps == most_steps) too_many_steps();
            if (x.magnitude() * SrmKernels{{1.0, 1.0, 1.0, 1.0}} < level) return never();
            if (step > unit) {
                const bool below = pass_below(x, level, step);
                now = below ? now + step : now;
                step *= below ? 2.0 : 0.5;
                continue;
            }
            const double crossing = first_of_series(x, level);
            if (crossing <= unit) return now + crossing;
            pass(x, unit);
            now += unit;
            step = 2.0 * unit;
        }
        return never();
    }

    EVSIM_FN SrmKernelGap<double> synapse_gap(double step) const {
        return SrmKernelGap<double>::over(step, tau_syn, 0.0);
    }
    EVSIM_FN SrmKernelGap<double> refractory_gap(double step) const {
        return SrmKernelGap<double>::over(step, tau_refractory, 0.0);
    }
    EVSIM_FN void pass(SrmKernels& x, double step) const {
        synapse_gap(step).pass(x.at[1], x.at[0]);
        refractory_gap(step).pass(x.at[3], x.at[2]);
    }
    /// Passes by if the sum surely stays below the level meanwhile.
    EVSIM_FN bool pass_below(SrmKernels& x, double level, double step) const {
        const SrmKernelGap<double> synapse = synapse_gap(step), refractory = refractory_gap(step);
        const double bend = synapse.bend_of(x.at[1], x.at[0]) + refractory.bend_of(x.at[3], x.at[2]);
        SrmKernels right = x;
        synapse.pass(right.at[1], right.at[0]);
        refractory.pass(right.at[3], right.at[2]);
        const bool below = larger(x.at[1] + x.at[3], right.at[1] + right.at[3]) + bend < level;
        if (below) x = right;
        return below;
    }
    EVSIM_FN double first_of_series(const SrmKernels& x, double level) const {
        double f[degree + 1];
        SrmKernels term = x;  // A^k x / k!
        f[0] = x.at[1] + x.at[3] - level;
        for (int k = 1; k <= degree; ++k) {
            const double syn = 1.0 / (k * tau_syn), refractory = 1.0 / (k * tau_refractory);
            term = {{-term.at[0] * syn, (euler * term.at[0] - term.at[1]) * syn, -term.at[2] * refractory,
                     (euler * term.at[2] - term.at[3]) * refractory}};
            f[k] = term.at[1] + term.at[3];
        }
        return first_root(f, degree, unit);
    }
};

}  // namespace EVSIM_ISA
}  // namespace evsim
