// Loihi's integer neuron, in steps of length 1 (as SLAYER simulates the chip). At every whole time, in integers,
//   u <- decayed(u, current_decay) + 2^(6 + weight_exponent) a,   v <- decayed(v, voltage_decay) + u,
// a: sum of the weights that arrive then, without its fraction; decayed(x, d) = x (4096 - d) / 4096, rounded to 0.
//   v > 64 threshold: spike at that time, v <- 0, and v stays 0 in the next refractory_steps - 1 steps.
#pragma once

#include <evsim/neuron/parameters.h>
#include <evsim/portable.h>

namespace evsim {
inline namespace EVSIM_ISA {

struct Loihi {
    static constexpr bool spikes = true;
    static constexpr int n_ports = 1;
    /// A step is taken when all of its input is there: at the beginning of the gap.
    EVSIM_FN static constexpr bool jumps(int) { return true; }
    static constexpr int n_shared = 1;
    static constexpr const char* shared_names[] = {"refractory_steps"};
    static constexpr const char* neuron_names[] = {"threshold", "current_decay", "voltage_decay", "weight_scale"};
    static constexpr const char* observable_names[] = {"v", "u"};

    struct Neuron {
        double threshold;  ///< times 64
        double current_decay, voltage_decay;
        double weight_scale;  ///< 2^(6 + weight_exponent)
    };
    /// Integers, as doubles are up to 2^53.
    template <class V>
    struct State {
        V v, u;   ///< after the step before that of the last event
        V input;  ///< of that step so far
        V wait;   ///< steps in which it does not fire
        V fired;  ///< 1 if that step has fired already
    };
    template <class T>
    using Stored = double;

    double refractory_steps;

    EVSIM_FN explicit Loihi(const double* shared) : refractory_steps(shared[0]) {}

    EVSIM_FN State<double> initial(const Neuron&) const { return {0.0, 0.0, 0.0, 0.0, 0.0}; }

    /// From crossing to crossing only the steps between are taken; one that fires is taken when time goes on.
    EVSIM_FN void flow(State<double>& s, const Neuron& n, double duration) const {
        bool goes_on = true;
        for (double steps = whole(duration); steps > 0.0 && goes_on; steps -= 1.0) goes_on = step(s, n);
    }
    EVSIM_FN double first_crossing(State<double> s, const Neuron& n, double horizon) const {
        for (double steps = 0.0; steps <= horizon; steps += 1.0) {
            if (fires(s, n)) return steps;
            if (!step(s, n)) break;
        }
        return never();
    }
    EVSIM_FN void fire(State<double>& s, const Neuron&) const { s.fired = 1.0; }
    template <class V>
    EVSIM_FN static void receive(State<V>& s, const V& weight, int) {
        s.input = s.input + weight;
    }
    EVSIM_FN bool at_threshold(const State<double>& s, const Neuron& n) const { return fires(s, n); }
    /// A current that does not decay may drive it for ever, once there is one.
    EVSIM_FN static Endless endless(const Neuron& n) {
        return n.current_decay > 0.0 ? Endless::never : Endless::unknown;
    }
    EVSIM_FN double observe(State<double> s, const Neuron& n, int observable) const {
        step(s, n);
        return observable == 0 ? s.v : s.u;
    }

 private:
    EVSIM_FN static double whole(double duration) { return duration < 9e15 ? std::floor(duration) : 9e15; }
    EVSIM_FN static double decayed(double x, double decay) { return std::trunc(x * (4096.0 - decay) * 0x1p-12); }
    EVSIM_FN static double current(const State<double>& s, const Neuron& n) {
        return decayed(s.u, n.current_decay) + n.weight_scale * std::trunc(s.input);
    }
    EVSIM_FN static bool fires(const State<double>& s, const Neuron& n) {
        return s.fired == 0.0 && s.wait == 0.0 && decayed(s.v, n.voltage_decay) + current(s, n) > n.threshold;
    }
    /// Whether it changes anything; if not, nothing will without input.
    EVSIM_FN bool step(State<double>& s, const Neuron& n) const {
        const bool spike = s.fired != 0.0 || fires(s, n);
        const State<double> before = s;
        s.u = current(s, n);
        s.v = spike || s.wait > 0.0 ? 0.0 : decayed(s.v, n.voltage_decay) + s.u;
        s.wait = spike ? refractory_steps - 1.0 : s.wait > 0.0 ? s.wait - 1.0 : 0.0;
        s.input = s.fired = 0.0;
        return spike || s.v != before.v || s.u != before.u || before.input != 0.0 || before.wait != 0.0;
    }
};

}  // namespace EVSIM_ISA
}  // namespace evsim
