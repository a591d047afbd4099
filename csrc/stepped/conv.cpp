#include "conv.hpp"

#include <bit>
#include <cmath>
#include <limits>

#include "../core/cpu.hpp"
#include "../core/errors.hpp"

namespace evsim {

#if defined(EVSIM_X86_64)
SteppedKernel stepped_kernel_avx512(int value_bytes);
SteppedKernel stepped_kernel_avx2(int value_bytes);
#endif
SteppedKernel stepped_kernel_baseline(int value_bytes);

namespace {

SteppedKernel find_stepped_kernel(int value_bytes) {
#if defined(EVSIM_X86_64)
    if (active_isa() == "avx512") return stepped_kernel_avx512(value_bytes);
    if (active_isa() == "avx2") return stepped_kernel_avx2(value_bytes);
#endif
    return stepped_kernel_baseline(value_bytes);
}

constexpr std::int32_t word_bits = 64;
constexpr std::int64_t never_yet = -1;

}  // namespace

StepView step_of(const StepSpikes& spikes, std::int64_t step) {
    const auto first = static_cast<std::size_t>(spikes.begin[static_cast<std::size_t>(step)]);
    const auto last = static_cast<std::size_t>(spikes.begin[static_cast<std::size_t>(step) + 1]);
    StepView view{std::span(spikes.indices).subspan(first, last - first), {}};
    if (!spikes.values.empty()) view.values = std::span(spikes.values).subspan(first, last - first);
    return view;
}

struct ConvStage::State : StageState {
    AlignedBuffer membrane, current, threshold;
    std::vector<std::int64_t> last;        ///< per pixel: step in which it was integrated last
    std::vector<std::int64_t> map_zeroed;  ///< per channel: step after which competition zeroed all its membranes
    std::vector<std::uint64_t> touched;    ///< [row][word]: pixels that received in this step
    std::vector<std::int32_t> touched_rows;
    std::vector<bool> row_is_touched;
    std::vector<Candidate> candidates;
    std::size_t n_candidates = 0;
    std::vector<Arrival> arrivals;
    std::vector<std::vector<std::int32_t>> by_channel;  ///< pixels of this step's spikes
    std::int64_t step = 0, epoch = 0, thresholds_version = 0;

    void reset() override { epoch = step; }
};

ConvStage::ConvStage(const Conv2dSettings& connection, int value_bytes, const SteppedNeurons& neurons)
    : ConvStage(Conv2d(connection, value_bytes), neurons) {}

ConvStage::ConvStage(Conv2d connection, const SteppedNeurons& neurons)
    : SteppedStage(connection.input(), connection.output()),
      connection_(std::move(connection)),
      neurons_(neurons),
      kernel_(find_stepped_kernel(connection_.value_bytes())) {
    if (!(neurons.threshold > 0.0) || !std::isfinite(neurons.threshold))
        throw InvalidArgument(text("threshold must be positive and finite, got ", neurons.threshold));
    const double fraction = neurons.leak / neurons.threshold;
    if (!(fraction >= 0.0 && fraction <= 1.0)) {
        throw InvalidArgument(
            text("leak must be from 0 to the threshold, ", neurons.threshold, ", got ", neurons.leak));
    }
    leak_per_step_ = neurons.multiplicative ? 1.0 - fraction : neurons.leak;
    set_competition(neurons.competition, neurons.radius);
    set_thresholds({});
}

void ConvStage::set_competition(Competition competition, std::int32_t radius) {
    if (radius < 0) throw InvalidArgument(text("the radius of competition must not be negative, got ", radius));
    neurons_.competition = competition;
    neurons_.radius = radius;
}

namespace {

template <class T>
void fill_thresholds(AlignedBuffer& buffer, const std::vector<double>& thresholds) {
    T* const values = reinterpret_cast<T*>(buffer.data());
    std::fill(values, values + buffer.size() / sizeof(T), std::numeric_limits<T>::infinity());
    for (std::size_t c = 0; c < thresholds.size(); ++c) values[c] = static_cast<T>(thresholds[c]);
}

}  // namespace

void ConvStage::set_thresholds(const std::vector<double>& thresholds) {
    const auto channels = static_cast<std::size_t>(output().channels);
    if (!thresholds.empty() && thresholds.size() != channels)
        throw ShapeMismatch(text("one threshold per channel is needed, ", channels, ", got ", thresholds.size()));
    for (const double threshold : thresholds) {
        if (!(threshold > 0.0) || !std::isfinite(threshold))
            throw InvalidArgument(text("thresholds must be positive and finite, got ", threshold));
    }
    std::vector<double> wanted = thresholds.empty() ? std::vector(channels, neurons_.threshold) : thresholds;
    if (wanted == thresholds_) return;
    thresholds_ = std::move(wanted);
    const int bytes = connection_.value_bytes();
    initial_threshold_ = AlignedBuffer(static_cast<std::size_t>(connection_.channel_stride() * bytes), "thresholds");
    bytes == 4 ? fill_thresholds<float>(initial_threshold_, thresholds_)
               : fill_thresholds<double>(initial_threshold_, thresholds_);
    ++thresholds_version_;
}

std::unique_ptr<StageState> ConvStage::new_state() const {
    auto state = std::make_unique<State>();
    const auto pixels = static_cast<std::size_t>(output().pixels());
    const std::size_t bytes = pixels * static_cast<std::size_t>(connection_.channel_stride()) *
                              static_cast<std::size_t>(connection_.value_bytes());
    require_memory(3.0 * static_cast<double>(bytes), "the neurons of a convolution");
    state->current = AlignedBuffer(bytes, "the neurons of a convolution");
    if (!neurons_.analog) {
        state->membrane = AlignedBuffer(bytes, "the neurons of a convolution");
        state->threshold = AlignedBuffer(bytes, "the neurons of a convolution");
        state->last.assign(pixels, never_yet);
        state->map_zeroed.assign(static_cast<std::size_t>(connection_.channel_stride()), never_yet);
    }
    const auto words = static_cast<std::size_t>((output().width + word_bits - 1) / word_bits);
    state->touched.assign(words * static_cast<std::size_t>(output().height), 0);
    state->row_is_touched.assign(static_cast<std::size_t>(output().height), false);
    state->candidates.resize(static_cast<std::size_t>(output().width * connection_.channel_stride()));
    state->by_channel.resize(static_cast<std::size_t>(output().channels));
    state->thresholds_version = thresholds_version_;
    return state;
}

namespace {

/// Marks `count` bits from `first` on.
void mark(std::uint64_t* row, std::int32_t first, std::int32_t count) {
    while (count > 0) {
        const std::int32_t bit = first % word_bits, here = std::min(count, word_bits - bit);
        const std::uint64_t ones = here == word_bits ? ~std::uint64_t{0} : (std::uint64_t{1} << here) - 1;
        row[first / word_bits] |= ones << bit;
        first += here;
        count -= here;
    }
}

/// visit(first, count) for every run of marked bits of a row, and clears them.
template <class Visit>
void take_marked(std::uint64_t* row, std::int32_t width, Visit&& visit) {
    std::int32_t run_first = 0, run_count = 0;
    for (std::int32_t base = 0; base < width; base += word_bits) {
        std::uint64_t& word = row[base / word_bits];
        while (word != 0) {
            const int skip = std::countr_zero(word);
            const int ones = std::countr_one(word >> skip);
            if (run_count > 0 && run_first + run_count == base + skip) {
                run_count += ones;
            } else {
                if (run_count > 0) visit(run_first, run_count);
                run_first = base + skip;
                run_count = ones;
            }
            word &= ones == word_bits ? 0 : ~(((std::uint64_t{1} << ones) - 1) << skip);
        }
    }
    if (run_count > 0) visit(run_first, run_count);
}

}  // namespace

void ConvStage::receive(State& state, StepView in) const {
    constexpr std::size_t batch = 1024;
    const std::int32_t width = input().width, pixels = input().pixels();
    const auto words = static_cast<std::size_t>((output().width + word_bits - 1) / word_bits);
    const bool grouped = connection_.settings().groups > 1;
    ArrivalRun run{};
    run.weights = connection_.packed();
    run.weight_stride = connection_.weight_stride();
    run.channel_stride = connection_.channel_stride();
    run.analog = !in.values.empty();
    run.current = state.current.data();
    state.arrivals.clear();
    const auto flush = [&] {
        run.arrivals = state.arrivals.data();
        run.n = static_cast<std::int64_t>(state.arrivals.size());
        kernel_.add(run);
        state.arrivals.clear();
    };
    for (std::size_t k = 0; k < in.indices.size(); ++k) {
        const std::int32_t channel = in.indices[k] / pixels, pixel = in.indices[k] % pixels;
        const std::int32_t first_channel = grouped ? connection_.first_channel(channel) : 0;
        if (state.arrivals.size() >= batch || first_channel != run.first_channel) flush();
        run.first_channel = first_channel;
        const double value = in.value(k);
        connection_.for_each_run(channel, pixel / width, pixel % width, [&](const Conv2d::Run& reached) {
            state.arrivals.push_back({reached.first_pixel, reached.count, reached.weights, value});
            const auto row = static_cast<std::size_t>(reached.row);
            if (!state.row_is_touched[row]) {
                state.row_is_touched[row] = true;
                state.touched_rows.push_back(reached.row);
            }
            mark(&state.touched[row * words], reached.first_pixel - reached.row * output().width, reached.count);
        });
    }
    flush();
    std::sort(state.touched_rows.begin(), state.touched_rows.end());
}

void ConvStage::integrate(State& state) const {
    const auto words = static_cast<std::size_t>((output().width + word_bits - 1) / word_bits);
    const auto stride = static_cast<std::size_t>(connection_.channel_stride());
    const bool competes = neurons_.competition != Competition::none;
    IntegrationRun run{};
    run.membrane = state.membrane.data();
    run.current = state.current.data();
    run.threshold = state.threshold.data();
    run.last = state.last.data();
    run.initial_threshold = initial_threshold_.data();
    run.channel_stride = connection_.channel_stride();
    run.step = state.step;
    run.epoch = state.epoch;
    run.leak = leak_per_step_;
    run.multiplicative = neurons_.multiplicative;
    run.fire = !competes;
    run.fire_once = neurons_.fire_once;
    state.n_candidates = 0;
    for (const std::int32_t row : state.touched_rows) {
        const std::size_t room = state.n_candidates + static_cast<std::size_t>(output().width) * stride;
        if (state.candidates.size() < room) state.candidates.resize(2 * room);
        take_marked(&state.touched[static_cast<std::size_t>(row) * words], output().width,
                    [&](std::int32_t first, std::int32_t count) {
                        run.first_pixel = row * output().width + first;
                        run.n_pixels = count;
                        run.candidates = state.candidates.data() + state.n_candidates;
                        if (competes) apply_zeroed_maps(state, run.first_pixel, count);
                        state.n_candidates += static_cast<std::size_t>(kernel_.integrate(run));
                    });
        state.row_is_touched[static_cast<std::size_t>(row)] = false;
    }
    state.touched_rows.clear();
}

namespace {

/// Zeroes the membranes of maps that competition silenced after the pixel was integrated last.
template <class T>
void zero_silenced(T* membrane, std::span<const std::int64_t> map_zeroed, std::int64_t last) {
    for (std::size_t c = 0; c < map_zeroed.size(); ++c) {
        if (map_zeroed[c] >= last) membrane[c] = 0;
    }
}

}  // namespace

void ConvStage::apply_zeroed_maps(State& state, std::int32_t first_pixel, std::int32_t n_pixels) const {
    const auto stride = static_cast<std::size_t>(connection_.channel_stride());
    for (auto pixel = static_cast<std::size_t>(first_pixel); n_pixels > 0; ++pixel, --n_pixels) {
        if (connection_.value_bytes() == 4)
            zero_silenced(reinterpret_cast<float*>(state.membrane.data()) + pixel * stride, state.map_zeroed,
                          state.last[pixel]);
        else
            zero_silenced(reinterpret_cast<double*>(state.membrane.data()) + pixel * stride, state.map_zeroed,
                          state.last[pixel]);
    }
}

/// Keeps the winners among the candidates, resets them and silences those who lost.
template <class T>
void ConvStage::compete(State& state) const {
    std::span<Candidate> candidates = std::span(state.candidates).first(state.n_candidates);
    const bool global = neurons_.competition == Competition::global || neurons_.competition == Competition::both;
    const bool local = neurons_.competition == Competition::local || neurons_.competition == Competition::both;
    if (global) {
        std::vector<std::int64_t> winner(static_cast<std::size_t>(output().channels), -1);
        for (std::size_t k = 0; k < candidates.size(); ++k) {
            std::int64_t& best = winner[static_cast<std::size_t>(candidates[k].channel)];
            if (best < 0 || candidates[k].membrane > candidates[static_cast<std::size_t>(best)].membrane)
                best = static_cast<std::int64_t>(k);
        }
        std::size_t kept = 0;
        for (std::size_t k = 0; k < candidates.size(); ++k) {
            const auto channel = static_cast<std::size_t>(candidates[k].channel);
            state.map_zeroed[channel] = state.step;
            if (winner[channel] == static_cast<std::int64_t>(k)) candidates[kept++] = candidates[k];
        }
        state.n_candidates = kept;
        candidates = candidates.first(kept);
    }
    const auto stride = static_cast<std::size_t>(connection_.channel_stride());
    T* const membrane = reinterpret_cast<T*>(state.membrane.data());
    T* const threshold = reinterpret_cast<T*>(state.threshold.data());
    const std::int32_t width = output().width, height = output().height, radius = neurons_.radius;
    for (const Candidate& spike : candidates) {
        const std::size_t neuron =
            static_cast<std::size_t>(spike.pixel) * stride + static_cast<std::size_t>(spike.channel);
        membrane[neuron] = 0;
        if (neurons_.fire_once) threshold[neuron] = std::numeric_limits<T>::infinity();
        if (!local) continue;
        const std::int32_t y = spike.pixel / width, x = spike.pixel % width;
        const std::int32_t left = std::max(x - radius, 0), right = std::min(x + radius, width - 1);
        for (std::int32_t row = std::max(y - radius, 0); row <= std::min(y + radius, height - 1); ++row) {
            T* const first = membrane + static_cast<std::size_t>(row * width + left) * stride;
            std::fill(first, first + static_cast<std::size_t>(right - left + 1) * stride, T(0));
        }
    }
}

void ConvStage::emit(State& state, StepSpikes& out) const {
    const std::span<const Candidate> spiking = std::span(state.candidates).first(state.n_candidates);
    for (const Candidate& spike : spiking)
        state.by_channel[static_cast<std::size_t>(spike.channel)].push_back(spike.pixel);
    const std::int32_t pixels = output().pixels();
    for (std::int32_t channel = 0; channel < output().channels; ++channel) {
        std::vector<std::int32_t>& spikes = state.by_channel[static_cast<std::size_t>(channel)];
        for (const std::int32_t pixel : spikes) out.indices.push_back(channel * pixels + pixel);
        spikes.clear();
    }
    if (!neurons_.report_membranes) return;
    std::vector<Candidate> ordered(spiking.begin(), spiking.end());
    std::stable_sort(ordered.begin(), ordered.end(),
                     [](const Candidate& a, const Candidate& b) { return a.channel < b.channel; });
    for (const Candidate& spike : ordered) out.values.push_back(spike.membrane);
}

/// The current of the neurons that received, as analog spikes.
template <class T>
void ConvStage::give_current(State& state, StepSpikes& out) const {
    const auto words = static_cast<std::size_t>((output().width + word_bits - 1) / word_bits);
    const auto stride = static_cast<std::size_t>(connection_.channel_stride());
    std::vector<std::int32_t> pixels;
    for (const std::int32_t row : state.touched_rows) {
        take_marked(&state.touched[static_cast<std::size_t>(row) * words], output().width,
                    [&](std::int32_t first, std::int32_t count) {
                        for (std::int32_t x = first; x < first + count; ++x) pixels.push_back(row * output().width + x);
                    });
        state.row_is_touched[static_cast<std::size_t>(row)] = false;
    }
    state.touched_rows.clear();
    T* const current = reinterpret_cast<T*>(state.current.data());
    for (std::int32_t channel = 0; channel < output().channels; ++channel) {
        for (const std::int32_t pixel : pixels) {
            T& value = current[static_cast<std::size_t>(pixel) * stride + static_cast<std::size_t>(channel)];
            if (value == 0) continue;
            out.indices.push_back(channel * output().pixels() + pixel);
            out.values.push_back(static_cast<double>(value));
            value = 0;
        }
    }
}

namespace {

/// Neurons that may fire get the new threshold of their channel.
template <class T>
void replace_thresholds(AlignedBuffer& thresholds, const AlignedBuffer& initial) {
    T* const values = reinterpret_cast<T*>(thresholds.data());
    const T* const wanted = reinterpret_cast<const T*>(initial.data());
    const std::size_t stride = initial.size() / sizeof(T);
    for (std::size_t k = 0; k < thresholds.size() / sizeof(T); ++k) {
        if (values[k] < std::numeric_limits<T>::infinity()) values[k] = wanted[k % stride];
    }
}

}  // namespace

void ConvStage::step(StageState& carried, StepView in, StepSpikes& out) const {
    auto& state = static_cast<State&>(carried);
    const bool single = connection_.value_bytes() == 4;
    receive(state, in);
    if (neurons_.analog) {
        single ? give_current<float>(state, out) : give_current<double>(state, out);
    } else {
        if (state.thresholds_version != thresholds_version_) {
            single ? replace_thresholds<float>(state.threshold, initial_threshold_)
                   : replace_thresholds<double>(state.threshold, initial_threshold_);
            state.thresholds_version = thresholds_version_;
        }
        integrate(state);
        if (neurons_.competition != Competition::none) single ? compete<float>(state) : compete<double>(state);
        emit(state, out);
    }
    ++state.step;
}

template <class T>
void ConvStage::membranes_as(const State& state, double* out) const {
    const auto stride = static_cast<std::size_t>(connection_.channel_stride());
    const auto pixels = static_cast<std::size_t>(output().pixels());
    const T* const membrane = reinterpret_cast<const T*>(state.membrane.data());
    for (std::size_t pixel = 0; pixel < pixels; ++pixel) {
        const std::int64_t last = state.last[pixel];
        const auto idle = static_cast<double>(state.step - 1 - last);
        for (std::size_t c = 0; c < static_cast<std::size_t>(output().channels); ++c) {
            double v = 0.0;
            if (last >= state.epoch && state.map_zeroed[c] < last) {
                v = static_cast<double>(membrane[pixel * stride + c]);
                v = neurons_.multiplicative ? v * std::pow(leak_per_step_, idle)
                                            : std::max(0.0, v - idle * leak_per_step_);
            }
            out[c * pixels + pixel] = v;
        }
    }
}

void ConvStage::membranes(const StageState& state, double* out) const {
    const auto& own = static_cast<const State&>(state);
    connection_.value_bytes() == 4 ? membranes_as<float>(own, out) : membranes_as<double>(own, out);
}

}  // namespace evsim
