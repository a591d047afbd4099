// The way back through tiles of dense layers: all that adjoint_neurons.h says, for neurons that share their gaps, have
// no refractory period and are not lifted over their threshold by a jump. Between spikes of a tile all of its neurons
// go through an event together; neurons that fire within a gap go through it by themselves.
#pragma once

#include <cstring>

#include <evsim/loops/adjoint_algebra.h>
#include <evsim/loops/adjoint_tile_kernel.h>

namespace evsim {
inline namespace EVSIM_ISA {

template <int N, class T, int W>
class AdjointTiles {
 public:
    static constexpr int n_lanes = lanes<T>, width = W * n_lanes;
    /// Of a stop: the state just before it, and how its neuron changes on the way to it and from it to the next event.
    static constexpr int scratch_per_stop = N + 2 * N * N;

    static void changes(const double* rates, double start, const AdjointEvent* events, std::int64_t n, std::byte* out) {
        const LinearFlow<N> flow(rates);
        T* to = reinterpret_cast<T*>(out);
        double now = start;
        for (std::int64_t k = 0; k < n; ++k, to += N * N) {
            if (events[k].time == now && k > 0) {
                for (int j = 0; j < N * N; ++j) to[j] = T(0);
                continue;
            }
            const Square<N> change = flow.change(events[k].time - now);
            now = events[k].time;
            for (int i = 0; i < N; ++i)
                for (int j = 0; j < N; ++j) to[i * N + j] = static_cast<T>(change.at[i][j]);
        }
    }

    static void backward(const AdjointTile& tile) { AdjointTiles(tile).run(); }

 private:
    using V = Vector<T>;
    using One = Row<N>;

    explicit AdjointTiles(const AdjointTile& tile) : tile_(tile), layer_(*tile.layer), flow_(layer_.flow) {
        for (int p = 0; p < layer_.n_ports && p < most_ports; ++p) {
            for (int i = 0; i < N; ++i) {
                jump_[p][i] = layer_.jumps[p * N + i];
                double slope = 0.0;
                for (int j = 0; j < N; ++j) slope += layer_.flow[i * N + j] * layer_.jumps[p * N + j];
                slope_of_jump_[p][i] = slope;
            }
        }
    }

    static V load(const T* from) {
        V v;
        std::memcpy(&v, from, sizeof v);
        return v;
    }
    static void store(T* to, const V& v) { std::memcpy(to, &v, sizeof v); }
    static V load(const std::byte* from, int w) { return load(reinterpret_cast<const T*>(from) + w * n_lanes); }

    struct Block {
        V at[N][W];
    };
    Block block(const T (&values)[N][width]) const {
        Block out;
        for (int i = 0; i < N; ++i)
            for (int w = 0; w < W; ++w) out.at[i][w] = load(values[i] + w * n_lanes);
        return out;
    }
    void keep(const Block& block, T (&values)[N][width]) const {
        for (int i = 0; i < N; ++i)
            for (int w = 0; w < W; ++w) store(values[i] + w * n_lanes, block.at[i][w]);
    }

    const T* change(std::int64_t event) const { return reinterpret_cast<const T*>(tile_.changes) + event * N * N; }
    /// x <- e^{A t} x, or with the transposed matrix.
    template <bool transposed>
    static void move(Block& x, const T* change) {
        Block out = x;
        for (int i = 0; i < N; ++i) {
            for (int j = 0; j < N; ++j) {
                const T q = transposed ? change[j * N + i] : change[i * N + j];
                if (N > 2 && q == T(0)) continue;
                for (int w = 0; w < W; ++w) out.at[i][w] = multiply_add(broadcast<V>(q), x.at[j][w], out.at[i][w]);
            }
        }
        x = out;
    }

    void run() {
        forward();
        backward();
    }

    static One lane(const T (&values)[N][width], std::int64_t k) {
        One out;
        for (int i = 0; i < N; ++i) out.at[i] = static_cast<double>(values[i][k]);
        return out;
    }
    static void put(const One& x, std::int64_t k, T (&values)[N][width]) {
        for (int i = 0; i < N; ++i) values[i][k] = static_cast<T>(x.at[i]);
    }
    One after_spike(std::int64_t neuron, const One& x) const {
        One out = times(layer_.reset + neuron * layer_.reset_stride, x);
        for (int i = 0; i < N; ++i) out.at[i] += layer_.offset[neuron * layer_.offset_stride + i];
        return out;
    }
    double time_of(std::int64_t event) const { return event < 0 ? tile_.start : tile_.events[event].time; }

    double* state_at(std::int64_t stop) const { return tile_.scratch + stop * scratch_per_stop; }
    /// e^{A t} - 1 on the way to a stop, and behind the last one of a neuron in a gap.
    double* way_to(std::int64_t stop) const { return state_at(stop) + N; }
    double* way_on(std::int64_t stop) const { return way_to(stop) + N * N; }

    void set_way(double* to, double duration) const {
        const Square<N> q = duration > 0.0 ? flow_.change(duration) : Square<N>{};
        std::memcpy(to, &q, sizeof q);
    }
    static One moved(const double* way, const One& x) {
        One out = x;
        add(out, 1.0, times(way, x));
        return out;
    }
    static One moved_back(const double* way, const One& x) {
        One out = x;
        add(out, 1.0, transposed_times(way, x));
        return out;
    }

    void forward() {
        Block x;
        for (int i = 0; i < N; ++i) {
            T values[width];
            for (int k = 0; k < width; ++k) {
                const std::int64_t neuron = tile_.first_neuron + (k < tile_.n_neurons ? k : tile_.n_neurons - 1);
                values[k] = static_cast<T>(layer_.initial[neuron * layer_.initial_stride + i]);
            }
            for (int w = 0; w < W; ++w) x.at[i][w] = load(values + w * n_lanes);
        }
        std::int64_t stop = 0;
        for (std::int64_t e = 0; e <= tile_.n_events; ++e) {
            if (stop < tile_.n_stops && tile_.stops[stop].event == e) {
                stop = pass_stops(e, stop, x);
            } else if (e < tile_.n_events) {
                move<false>(x, change(e));
            }
            if (e == tile_.n_events || stop == tile_.n_stops) return;  // nobody asks for states any more
            const AdjointEvent& event = tile_.events[e];
            const std::byte* const weights = event.weights + tile_.first_neuron * static_cast<std::int64_t>(sizeof(T));
            for (int i = 0; i < N; ++i) {
                const double jump = jump_[event.port][i];
                if (jump == 0.0) continue;
                for (int w = 0; w < W; ++w)
                    x.at[i][w] = multiply_add(broadcast<V>(static_cast<T>(jump)), load(weights, w), x.at[i][w]);
            }
        }
    }

    /// Through the gap before an event, in which some neurons stop; returns the next stop.
    std::int64_t pass_stops(std::int64_t e, std::int64_t stop, Block& x) {
        keep(x, before_);
        const bool last = e == tile_.n_events;
        if (!last) move<false>(x, change(e));
        keep(x, after_);
        while (stop < tile_.n_stops && tile_.stops[stop].event == e) {
            const std::int64_t neuron = tile_.stops[stop].neuron, k = neuron - tile_.first_neuron;
            One one = lane(before_, k);
            double now = time_of(e - 1);
            for (; stop < tile_.n_stops && tile_.stops[stop].event == e && tile_.stops[stop].neuron == neuron; ++stop) {
                set_way(way_to(stop), tile_.stops[stop].time - now);
                one = moved(way_to(stop), one);
                now = tile_.stops[stop].time;
                std::memcpy(state_at(stop), &one, sizeof one);
                if (tile_.stops[stop].spike >= 0) one = after_spike(neuron, one);
            }
            if (last) continue;
            set_way(way_on(stop - 1), time_of(e) - now);
            put(moved(way_on(stop - 1), one), k, after_);
        }
        x = block(after_);
        return stop;
    }

    void backward() {
        Block mu{};
        std::int64_t stop = tile_.n_stops;
        // Behind the last stop all costates are 0, and so is what events say.
        const std::int64_t last = stop > 0 ? tile_.stops[stop - 1].event : -1;
        for (std::int64_t e = last; e >= 0; --e) {
            if (e < last) arrive(e, mu);
            if (stop > 0 && tile_.stops[stop - 1].event == e) {
                stop = pass_stops_back(e, stop, mu);
            } else {
                move<true>(mu, change(e));
            }
        }
    }

    void arrive(std::int64_t e, const Block& mu) const {
        const AdjointEvent& event = tile_.events[e];
        const std::int64_t offset = tile_.first_neuron * static_cast<std::int64_t>(sizeof(T));
        const std::byte* const weights = event.weights + offset;
        T* const by_weights = reinterpret_cast<T*>(event.by_weights + offset);
        V by_time{};
        for (int w = 0; w < W; ++w) {
            V by_weight = load(by_weights + w * n_lanes), slope{};
            for (int i = 0; i < N; ++i) {
                const double jump = jump_[event.port][i], change = slope_of_jump_[event.port][i];
                if (jump != 0.0) by_weight = multiply_add(broadcast<V>(static_cast<T>(jump)), mu.at[i][w], by_weight);
                if (change != 0.0) slope = multiply_add(broadcast<V>(static_cast<T>(change)), mu.at[i][w], slope);
            }
            store(by_weights + w * n_lanes, by_weight);
            by_time = multiply_add(slope, load(weights, w), by_time);
        }
        T sum = T(0);
        for (int k = 0; k < n_lanes; ++k) sum += by_time[k];
        tile_.by_times[e] -= static_cast<double>(sum);
    }

    /// The same backwards; `stop` is where those of the gap end, and what is returned is where they begin.
    std::int64_t pass_stops_back(std::int64_t e, std::int64_t stop, Block& mu) {
        keep(mu, after_);
        const bool last = e == tile_.n_events;
        if (!last) move<true>(mu, change(e));
        keep(mu, before_);
        while (stop > 0 && tile_.stops[stop - 1].event == e) {
            const std::int64_t neuron = tile_.stops[stop - 1].neuron, k = neuron - tile_.first_neuron;
            One one = lane(after_, k);
            if (!last) one = moved_back(way_on(stop - 1), one);
            for (; stop > 0 && tile_.stops[stop - 1].event == e && tile_.stops[stop - 1].neuron == neuron; --stop) {
                turn(stop - 1, one);
                one = moved_back(way_to(stop - 1), one);
            }
            put(one, k, before_);
        }
        mu = block(before_);
        return stop;
    }

    void turn(std::int64_t stop, One& costate) const {
        const AdjointStop& at = tile_.stops[stop];
        One x;
        std::memcpy(&x, state_at(stop), sizeof x);
        if (at.spike < 0) {
            One seed;
            std::memcpy(&seed, tile_.seeds + at.seed * N, sizeof seed);
            if (at.moves) tile_.by_times[at.event] += seed * times(layer_.flow, x);
            add(costate, 1.0, seed);
            return;
        }
        const double* const reset = layer_.reset + at.neuron * layer_.reset_stride;
        const One slope = times(layer_.flow, x), slope_after = times(layer_.flow, after_spike(at.neuron, x));
        const double by_time = tile_.by_spikes[at.spike] + costate * times(reset, slope) - costate * slope_after;
        costate = transposed_times(reset, costate);
        One readout;
        std::memcpy(&readout, layer_.readout, sizeof readout);
        const double steep = larger(readout * slope, layer_.smallest_slope);
        if (steep > 0.0) add(costate, -by_time / steep, readout);
    }

    static constexpr int most_ports = 8;

    const AdjointTile& tile_;
    const AdjointLayer& layer_;
    LinearFlow<N> flow_;
    double jump_[most_ports][N], slope_of_jump_[most_ports][N];
    T before_[N][width], after_[N][width];
};

template <int N, class T>
AdjointTileKernel adjoint_tile_table() {
    using One = AdjointTiles<N, T, 1>;
    using Most = AdjointTiles<N, T, 4>;
    return {N, lanes<T>, 4, One::scratch_per_stop, One::changes, One::backward, Most::backward};
}

}  // namespace EVSIM_ISA
}  // namespace evsim
