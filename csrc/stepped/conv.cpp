#include "stepped/conv.hpp"

#include <bit>
#include <cmath>
#include <limits>

#include "core/cpu.hpp"
#include "core/errors.hpp"

namespace evsim {

#if defined(EVSIM_X86_64)
#if defined(EVSIM_AVX512)
SteppedKernel stepped_kernel_avx512(int value_bytes);
#endif
SteppedKernel stepped_kernel_avx2(int value_bytes);
#endif
SteppedKernel stepped_kernel_baseline(int value_bytes);

namespace {

SteppedKernel find_stepped_kernel(int value_bytes) {
#if defined(EVSIM_X86_64)
#if defined(EVSIM_AVX512)
    if (active_isa() == "avx512") return stepped_kernel_avx512(value_bytes);
#endif
    if (active_isa() == "avx2") return stepped_kernel_avx2(value_bytes);
#endif
    return stepped_kernel_baseline(value_bytes);
}

constexpr std::size_t arrivals_at_once = 1024, neurons_at_once = 1 << 14;
constexpr std::int32_t never_yet = -1, most_steps = std::numeric_limits<std::int32_t>::max();

}  // namespace

StepView step_of(const StepSpikes& spikes, std::int64_t step) {
    const auto first = static_cast<std::size_t>(spikes.begin[static_cast<std::size_t>(step)]);
    const auto last = static_cast<std::size_t>(spikes.begin[static_cast<std::size_t>(step) + 1]);
    StepView view{std::span(spikes.indices).subspan(first, last - first), {}};
    if (!spikes.values.empty()) view.values = std::span(spikes.values).subspan(first, last - first);
    return view;
}

struct ConvStage::State : StageState {
    AlignedBuffer membrane;
    std::vector<std::uint64_t> fired;
    std::vector<std::int32_t> last;        ///< per pixel: step in which it received last
    std::vector<std::int32_t> map_zeroed;  ///< per channel: step after which competition zeroed all its membranes
    std::vector<std::uint64_t> marks;      ///< [row][word]: pixels that received in this step
    std::vector<std::int32_t> marked_rows;
    std::vector<std::uint8_t> row_is_marked;
    std::vector<Pixels> touched, stretches;
    std::vector<Arrival> arrivals;
    std::vector<Candidate> candidates;
    std::size_t n_candidates = 0;
    std::vector<std::vector<std::int32_t>> by_channel;  ///< pixels of this step's spikes
    std::int32_t step = 0, epoch = 0;
    std::int64_t thresholds_version = 0;

    void reset() override {
        if (step < most_steps / 2) {
            epoch = step;
            return;
        }
        std::fill(last.begin(), last.end(), never_yet);
        std::fill(map_zeroed.begin(), map_zeroed.end(), never_yet);
        step = epoch = 0;
    }
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
    ++thresholds_version_;
    thresholds_ = std::move(wanted);
    const int bytes = connection_.value_bytes();
    threshold_values_ = AlignedBuffer(
        static_cast<std::size_t>(connection_.channel_stride()) * static_cast<std::size_t>(bytes), "thresholds");
    bytes == 4 ? fill_thresholds<float>(threshold_values_, thresholds_)
               : fill_thresholds<double>(threshold_values_, thresholds_);
}

std::unique_ptr<StageState> ConvStage::new_state() const {
    auto state = std::make_unique<State>();
    const auto pixels = static_cast<std::size_t>(output().pixels());
    const auto stride = static_cast<std::size_t>(connection_.channel_stride());
    const std::size_t bytes = pixels * stride * static_cast<std::size_t>(connection_.value_bytes());
    state->membrane = AlignedBuffer::uninitialized(bytes, "the neurons of a convolution");
    if (neurons_.fire_once) state->fired.resize(pixels * ((stride + word_bits - 1) / word_bits));
    state->last.assign(pixels, never_yet);
    state->map_zeroed.assign(stride, never_yet);
    state->marks.assign(words_per_row() * static_cast<std::size_t>(output().height), 0);
    state->row_is_marked.assign(static_cast<std::size_t>(output().height), 0);
    const Pair kernel = connection_.settings().kernel;
    const std::size_t n_arrivals = arrivals_at_once + static_cast<std::size_t>(connection_.most_stretches());
    const std::size_t n_touched = n_arrivals * static_cast<std::size_t>(kernel.x);
    require_memory(static_cast<double>(n_touched) * sizeof(Pixels), "a convolution with so large a kernel");
    state->arrivals.resize(n_arrivals);
    state->touched.resize(n_touched);
    state->by_channel.resize(static_cast<std::size_t>(output().channels));
    state->thresholds_version = thresholds_version_;
    return state;
}

std::size_t ConvStage::words_per_row() const {
    return static_cast<std::size_t>((output().width + word_bits - 1) / word_bits);
}

SteppedPlane ConvStage::plane(State& state) const {
    SteppedPlane plane{};
    plane.membrane = state.membrane.data();
    plane.fired = state.fired.empty() ? nullptr : state.fired.data();
    plane.last = state.last.data();
    plane.channel_stride = connection_.channel_stride();
    plane.fired_words = (plane.channel_stride + word_bits - 1) / word_bits;
    plane.step = state.step;
    plane.epoch = neurons_.analog ? state.step : state.epoch;  // an analog stage keeps nothing
    plane.leak = leak_per_step_;
    plane.multiplicative = neurons_.multiplicative;
    const bool global = neurons_.competition == Competition::global || neurons_.competition == Competition::both;
    plane.map_zeroed = global ? state.map_zeroed.data() : nullptr;
    return plane;
}

namespace {

/// Marks bits from `first` on; visit(first, count) for every run of those that were not marked before.
template <class Visit>
void mark(std::uint64_t* row, std::int32_t first, std::int32_t count, Visit&& visit) {
    while (count > 0) {
        const std::int32_t base = first / word_bits * word_bits, bit = first - base;
        const std::int32_t here = std::min(count, word_bits - bit);
        const std::uint64_t ones = (~std::uint64_t{0} >> (word_bits - here)) << bit;
        std::uint64_t& word = row[base / word_bits];
        for (std::uint64_t fresh = ones & ~word; fresh != 0;) {
            const int skip = std::countr_zero(fresh), run = std::countr_one(fresh >> skip);
            visit(base + skip, run);
            fresh &= ~((~std::uint64_t{0} >> (word_bits - run)) << skip);
        }
        word |= ones;
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
            word &= ~((~std::uint64_t{0} >> (word_bits - ones)) << skip);
        }
    }
    if (run_count > 0) visit(run_first, run_count);
}

}  // namespace

void ConvStage::receive(State& state, StepView in) const {
    const std::int32_t width = input().width, pixels = input().pixels(), out_width = output().width;
    const std::size_t words = words_per_row();
    const bool grouped = connection_.settings().groups > 1;
    ArrivalBatch batch{};
    batch.plane = plane(state);
    batch.weights = connection_.packed();
    batch.weight_stride = connection_.weight_stride();
    batch.analog = !in.values.empty();
    batch.touched = state.touched.data();
    batch.arrivals = state.arrivals.data();
    // Room for the runs of one more spike is always left; growing vectors here would cost a third of the time.
    const Arrival* const full = batch.arrivals + state.arrivals.size() - connection_.most_stretches();
    Arrival* arrival = state.arrivals.data();
    Pixels* touched = state.touched.data();
    const auto flush = [&] {
        batch.n_touched = touched - batch.touched;
        batch.n_arrivals = arrival - batch.arrivals;
        kernel_.receive(batch);
        touched = state.touched.data();
        arrival = state.arrivals.data();
    };
    const auto mark_row = [&](std::int32_t row) {
        if (state.row_is_marked[static_cast<std::size_t>(row)]) return;
        state.row_is_marked[static_cast<std::size_t>(row)] = 1;
        state.marked_rows.push_back(row);
    };
    if (state.thresholds_version != thresholds_version_) {
        // A lower threshold lets neurons fire that receive nothing: all that have any membrane are visited once.
        state.thresholds_version = thresholds_version_;
        for (std::int32_t pixel_out = 0; pixel_out < output().pixels(); ++pixel_out) {
            if (state.last[static_cast<std::size_t>(pixel_out)] < state.epoch) continue;
            const std::int32_t row = pixel_out / out_width;
            mark_row(row);
            mark(&state.marks[static_cast<std::size_t>(row) * words], pixel_out - row * out_width, 1,
                 [](std::int32_t, std::int32_t) {});
            *touched++ = {pixel_out, 1};
            if (touched == state.touched.data() + state.touched.size()) flush();
        }
        flush();
    }
    for (std::size_t k = 0; k < in.indices.size(); ++k) {
        const std::int32_t channel = in.indices[k] / pixels, pixel = in.indices[k] - channel * pixels;
        const std::int32_t first_channel = grouped ? connection_.first_channel(channel) : 0;
        if (arrival > full || first_channel != batch.first_channel) flush();
        batch.first_channel = first_channel;
        const double value = in.value(k);
        const std::int32_t y = pixel / width;
        connection_.for_each_stretch(channel, y, pixel - y * width, [&](const Conv2d::Stretch& reached) {
            const Pixels here{reached.first_pixel, reached.count};
            *arrival++ = {here, reached.weights, value};
            mark_row(reached.row);
            const std::int32_t row_first = reached.row * out_width;
            mark(&state.marks[static_cast<std::size_t>(reached.row) * words], here.first - row_first, here.count,
                 [&](std::int32_t first, std::int32_t count) { *touched++ = {row_first + first, count}; });
        });
    }
    flush();
    std::sort(state.marked_rows.begin(), state.marked_rows.end());
}

/// visit(Pixels) for everything that received in this step, in order, and forgets it.
template <class Visit>
void ConvStage::take_received(State& state, Visit&& visit) const {
    for (const std::int32_t row : state.marked_rows) {
        take_marked(
            &state.marks[static_cast<std::size_t>(row) * words_per_row()], output().width,
            [&](std::int32_t first, std::int32_t count) { visit(Pixels{row * output().width + first, count}); });
        state.row_is_marked[static_cast<std::size_t>(row)] = 0;
    }
    state.marked_rows.clear();
}

void ConvStage::fire(State& state) const {
    const auto stride = static_cast<std::size_t>(connection_.channel_stride());
    ThresholdBatch batch{};
    batch.plane = plane(state);
    batch.threshold = threshold_values_.data();
    batch.fire = neurons_.competition == Competition::none;
    state.n_candidates = 0;
    std::size_t n_neurons = 0;
    state.stretches.clear();
    const auto flush = [&] {
        if (state.candidates.size() < state.n_candidates + n_neurons)
            state.candidates.resize(2 * (state.n_candidates + n_neurons));
        batch.pixels = state.stretches.data();
        batch.n_stretches = static_cast<std::int64_t>(state.stretches.size());
        batch.candidates = state.candidates.data() + state.n_candidates;
        state.n_candidates += static_cast<std::size_t>(kernel_.fire(batch));
        state.stretches.clear();
        n_neurons = 0;
    };
    take_received(state, [&](const Pixels& pixels) {
        state.stretches.push_back(pixels);
        n_neurons += static_cast<std::size_t>(pixels.count) * stride;
        if (n_neurons > neurons_at_once) flush();
    });
    flush();
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
    const std::size_t fired_words = (stride + word_bits - 1) / word_bits;
    const std::int32_t width = output().width, height = output().height;
    const std::int32_t radius = std::min(neurons_.radius, std::max(width, height));
    for (const Candidate& spike : candidates) {
        const auto pixel = static_cast<std::size_t>(spike.pixel), channel = static_cast<std::size_t>(spike.channel);
        membrane[pixel * stride + channel] = 0;
        if (neurons_.fire_once)
            state.fired[pixel * fired_words + channel / word_bits] |= std::uint64_t{1} << (channel % word_bits);
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

/// The sums of the neurons that received, as analog spikes.
template <class T>
void ConvStage::give_sums(State& state, StepSpikes& out) const {
    const auto stride = static_cast<std::size_t>(connection_.channel_stride());
    std::vector<std::int32_t> pixels;
    take_received(state, [&](const Pixels& run) {
        for (std::int32_t k = 0; k < run.count; ++k) pixels.push_back(run.first + k);
    });
    const T* const sums = reinterpret_cast<const T*>(state.membrane.data());
    for (std::int32_t channel = 0; channel < output().channels; ++channel) {
        for (const std::int32_t pixel : pixels) {
            const T sum = sums[static_cast<std::size_t>(pixel) * stride + static_cast<std::size_t>(channel)];
            if (sum == 0) continue;
            out.indices.push_back(channel * output().pixels() + pixel);
            out.values.push_back(static_cast<double>(sum));
        }
    }
}

void ConvStage::step(StageState& carried, StepView in, StepSpikes& out) const {
    auto& state = static_cast<State&>(carried);
    if (state.step == most_steps) throw InvalidArgument(text("reset the state after ", most_steps, " steps"));
    const bool single = connection_.value_bytes() == 4;
    receive(state, in);
    if (neurons_.analog) {
        single ? give_sums<float>(state, out) : give_sums<double>(state, out);
    } else {
        fire(state);
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
        const std::int32_t last = state.last[pixel];
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
