// SLAYER's spike response neuron as SLAYER simulates it: in steps, with kernels that end. In step t
//   u[t] = sum of w eps[t - arrival] + sum of nu[t - spike],   u[t] >= threshold: spike in that step,
//   eps[j] = x e^{1 - x}, x = j step / tau_syn;   nu[j] = -refractory_scale threshold x e^{1 - x}, x = j step /
//   tau_refractory. Both end at the first j after their peak where they are closer to 0 than a cutoff.
#pragma once

#include <evsim/neuron/parameters.h>
#include <evsim/portable.h>

namespace evsim {
inline namespace EVSIM_ISA {

/// `longest`: steps of a kernel: nothing acts for longer.
template <int longest>
struct SrmAlphaGrid {
    static constexpr double cutoff = 0.01;

    static constexpr bool spikes = true;
    static constexpr int n_ports = 1;
    /// A step is taken when all of its input is there: at the beginning of the gap.
    EVSIM_FN static constexpr bool jumps(int) { return true; }
    static constexpr int n_shared = 4;
    static constexpr const char* shared_names[] = {"step", "tau_syn", "tau_refractory", "refractory_cutoff"};
    static constexpr ParameterDomain shared_domains[] = {ParameterDomain::positive, ParameterDomain::positive,
                                                         ParameterDomain::positive, ParameterDomain::positive};
    static constexpr const char* neuron_names[] = {"threshold", "refractory_scale"};
    static constexpr ParameterDomain neuron_domains[] = {ParameterDomain::positive, ParameterDomain::not_negative};
    static constexpr const char* observable_names[] = {"v"};

    struct Neuron {
        double threshold, refractory_scale;
    };
    template <class V>
    struct State {
        V u[longest];  ///< in the step of the last event and in those to come, as far as it is known
        V known;       ///< how many of these anything has been added to
        V input;       ///< of that step so far
        V fired;       ///< 1 if that step has fired already
    };
    template <class T>
    using Stored = double;

    double length, refractory_cutoff;  ///< of a step; of nu
    double eps[longest];
    int eps_length;
    double ratio[longest], decay[longest];  ///< x and e^{1 - x} of nu
    int refractory_peak;                    ///< the last step with x <= 1

    EVSIM_FN explicit SrmAlphaGrid(const double* shared)
        : length(shared[0]), refractory_cutoff(shared[3]), eps_length(longest), refractory_peak(0) {
        for (int j = 0; j < longest; ++j) {
            const double x = j * length / shared[1];
            eps[j] = x * std::exp(1.0 - x);
            if (x > 1.0 && eps[j] < cutoff && j < eps_length) eps_length = j;
            ratio[j] = j * length / shared[2];
            decay[j] = std::exp(1.0 - ratio[j]);
            if (ratio[j] <= 1.0) refractory_peak = j;
        }
    }

    EVSIM_FN State<double> initial(const Neuron&) const { return {}; }
    /// What an input does ends, and every spike lowers u.
    EVSIM_FN static Endless endless(const Neuron&) { return Endless::never; }

    /// From crossing to crossing only the steps between are taken; one that fires is taken when time goes on.
    EVSIM_FN void flow(State<double>& s, const Neuron& n, double duration) const {
        bool goes_on = true;
        for (double left = whole(duration); left > 0.0 && goes_on; left -= 1.0) goes_on = step(s, n);
    }
    EVSIM_FN double first_crossing(State<double> s, const Neuron& n, double horizon) const {
        for (double steps = 0.0; steps * length <= horizon; steps += 1.0) {
            if (fires(s, n)) return steps * length;
            if (!step(s, n)) break;
        }
        return never();
    }
    EVSIM_FN void fire(State<double>& s, const Neuron&) const { s.fired = 1.0; }
    /// Every step once, where the two above would take each of them twice.
    template <class Factors, class Fired>
    EVSIM_FN int advance(State<double>& s, const Neuron& n, double gap, const Factors&, bool closed,
                         Fired&& fired) const {
        const double last = whole(gap);
        int crossings = 0;
        for (double steps = 0.0;; steps += 1.0) {
            const double time = steps * length;
            if (fires(s, n) && (closed ? time <= gap : time < gap)) {
                fire(s, n);
                ++crossings;
                if (!fired(time)) return crossings;
            }
            if (!(steps < last) || !step(s, n)) return crossings;
        }
    }
    template <class V>
    EVSIM_FN static void receive(State<V>& s, const V& weight, int) {
        s.input = s.input + weight;
    }
    EVSIM_FN bool at_threshold(const State<double>& s, const Neuron& n) const { return fires(s, n); }
    EVSIM_FN double observe(const State<double>& s, const Neuron&, int) const { return s.u[0]; }

 private:
    /// Steps that end within a duration. What is meant to be on the grid may lie beside it by rounding.
    EVSIM_FN double whole(double duration) const {
        const double steps = duration / length + 1e-6;
        return steps < 9e15 ? std::floor(steps) : 9e15;
    }
    EVSIM_FN static bool fires(const State<double>& s, const Neuron& n) {
        return s.fired == 0.0 && s.u[0] >= n.threshold;
    }
    /// Whether anything is left; if not, nothing will happen without input. Both kernels begin with 0, so neither
    /// input nor spike acts on its own step.
    EVSIM_FN bool step(State<double>& s, const Neuron& n) const {
        int known = static_cast<int>(s.known);
        if (s.input != 0.0) {
            for (int j = 1; j < eps_length; ++j) s.u[j] += s.input * eps[j];
            known = known < eps_length ? eps_length : known;
        }
        if (s.fired != 0.0 || fires(s, n)) {
            const double height = n.refractory_scale * n.threshold;
            for (int j = 1; j < longest; ++j) {
                const double nu = height * ratio[j] * decay[j];
                if (j > refractory_peak && nu < refractory_cutoff) break;
                s.u[j] -= nu;
                known = known < j + 1 ? j + 1 : known;
            }
        }
        for (int j = 0; j + 1 < known; ++j) s.u[j] = s.u[j + 1];
        if (known > 0) s.u[--known] = 0.0;
        s.known = known;
        s.input = s.fired = 0.0;
        return known > 0;
    }
};

}  // namespace EVSIM_ISA
}  // namespace evsim
