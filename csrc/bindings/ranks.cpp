#include "ranks.hpp"
#include "bindings/bindings.hpp"
#include "core/errors.hpp"

#include <pybind11/typing.h>

namespace evsim {

namespace {

using Bytes = py::array_t<std::uint8_t, py::array::c_style>;

/// Messages go through functions of Python, which know MPI. They have so much room in one step as the last ones leave
/// to be expected, which is the same on all ranks; what is longer takes a second step.
class PythonExchange final : public Exchange {
 public:
    /// `step(n)`: an array to send, of n bytes, one for those of all ranks, and what exchanges them, all lent for good.
    PythonExchange(std::int32_t rank, std::int32_t size, std::size_t least, std::size_t most, py::object step,
                   py::object gather_long)
        : rank_(rank),
          size_(size),
          least_(least),
          most_(most),
          make_step_(std::move(step)),
          gather_long_(std::move(gather_long)),
          lengths_(static_cast<std::size_t>(size)),
          blocks_(static_cast<std::size_t>(size)) {
        if (rank < 0 || rank >= size || least <= head || most < least)
            throw InvalidArgument("ranks need numbers from 0 on and room for what all of them send");
    }

    std::int32_t rank() const override { return rank_; }
    std::int32_t size() const override { return size_; }

    std::span<const std::span<const std::byte>> gather(std::span<const std::byte> own) override {
        Step& step = next_step();
        const std::uint64_t length = own.size();
        std::memcpy(step.send, &length, head);
        std::memcpy(step.send + head, own.data(), std::min(own.size(), step.room - head));
        call([&] { step.gather(); });
        std::uint64_t longest = 0;
        for (std::size_t k = 0; k < lengths_.size(); ++k) {
            std::memcpy(&lengths_[k], step.received + k * step.room, head);
            longest = std::max(longest, lengths_[k]);
        }
        expected_ = std::max(longest, expected_ - expected_ / 16);
        if (longest > step.room - head) return gather_long(own);
        for (std::size_t k = 0; k < lengths_.size(); ++k)
            blocks_[k] = block(step.received + k * step.room + head, lengths_[k]);
        return blocks_;
    }

 private:
    static constexpr std::size_t head = sizeof(std::uint64_t);  ///< of a message: how long it is

    struct Step {
        std::size_t room;
        Bytes outgoing, incoming;
        py::object gather;
        std::uint8_t* send;
        const std::uint8_t* received;
    };

    /// With room for a little more than is expected; with little where that is more than any step takes.
    Step& next_step() {
        std::size_t room = least_;
        const std::uint64_t wanted = expected_ + expected_ / 4 + head;
        while (room < wanted && room < most_) room = std::min(2 * room, most_);
        if (room < wanted) room = least_;
        for (Step& step : steps_)
            if (step.room == room) return step;
        call([&] {
            const auto made = make_step_(room).cast<std::tuple<Bytes, Bytes, py::object>>();
            Step step{room, std::get<0>(made), std::get<1>(made), std::get<2>(made), nullptr, nullptr};
            if (static_cast<std::size_t>(step.outgoing.size()) != room ||
                static_cast<std::size_t>(step.incoming.size()) != room * lengths_.size())
                throw InvalidArgument("ranks need room for what all of them send");
            step.send = step.outgoing.mutable_data();
            step.received = step.incoming.data();
            steps_.push_back(std::move(step));
        });
        return steps_.back();
    }

    static std::span<const std::byte> block(const std::uint8_t* data, std::uint64_t length) {
        return {reinterpret_cast<const std::byte*>(data), static_cast<std::size_t>(length)};
    }

    std::span<const std::span<const std::byte>> gather_long(std::span<const std::byte> own) {
        const std::uint8_t* all = nullptr;
        std::uint64_t total = 0;
        for (const std::uint64_t length : lengths_) total += length;
        call([&] {
            const Bytes message(static_cast<py::ssize_t>(own.size()),
                                reinterpret_cast<const std::uint8_t*>(own.data()));
            long_ = gather_long_(message, lengths_).cast<Bytes>();
            if (static_cast<std::uint64_t>(long_.size()) != total)
                throw RankFailed("the ranks received something else than was sent");
            all = long_.data();
        });
        for (std::size_t k = 0; k < lengths_.size(); ++k) {
            blocks_[k] = block(all, lengths_[k]);
            all += lengths_[k];
        }
        return blocks_;
    }

    /// With the GIL, and an exception that waits to be raised put aside.
    template <class Call>
    static void call(Call&& body) {
        const py::gil_scoped_acquire gil;
        const py::error_scope waiting;
        body();
    }

    std::int32_t rank_, size_;
    std::size_t least_, most_;
    std::uint64_t expected_ = 0;  ///< longest of the last messages
    std::vector<Step> steps_;
    py::object make_step_, gather_long_;
    Bytes long_{0};
    std::vector<std::uint64_t> lengths_;
    std::vector<std::span<const std::byte>> blocks_;
};

/// One rank of many, of which the others are not there.
class DryExchange final : public Exchange {
 public:
    DryExchange(std::int32_t rank, std::int32_t size) : rank_(rank), blocks_(static_cast<std::size_t>(size)) {}
    std::int32_t rank() const override { return rank_; }
    std::int32_t size() const override { return static_cast<std::int32_t>(blocks_.size()); }
    bool alone() const override { return true; }
    std::span<const std::span<const std::byte>> gather(std::span<const std::byte> own) override {
        std::fill(blocks_.begin(), blocks_.end(), own);
        return blocks_;
    }

 private:
    std::int32_t rank_;
    std::vector<std::span<const std::byte>> blocks_;
};

/// Everybody's message, of any content.
py::typing::List<py::bytes> gather(Ranks& self, const py::bytes& own) {
    const std::string_view bytes = own;
    std::vector<RankMessage> messages;
    {
        const GilRelease release;
        self.open(RankStep::values);
        self.put(std::span<const char>(bytes));
        messages = self.send();
    }
    py::list all;
    for (RankMessage& message : messages) {
        const std::span<const std::byte> said = message.rest(message.left());
        all.append(py::bytes(reinterpret_cast<const char*>(said.data()), said.size()));
    }
    return all;
}

/// Where a call has not begun: the others wait at its beginning.
void fail(Ranks& self, const std::string& message) {
    const GilRelease release;
    self.begin_call();
    self.fail(message);
}

}  // namespace

void bind_ranks(py::module_& module) {
    py::class_<Ranks, std::shared_ptr<Ranks>>(module, "Ranks")
        .def(py::init([](std::int32_t rank, std::int32_t size, std::size_t least, std::size_t most, py::object step,
                         py::object gather_long) {
                 return std::make_shared<Ranks>(std::make_shared<PythonExchange>(
                     rank, size, least, most, std::move(step), std::move(gather_long)));
             }),
             py::arg("rank"), py::arg("size"), py::arg("least"), py::arg("most"), py::arg("step"),
             py::arg("gather_long"))
        .def_static(
            "dry",
            [](std::int32_t rank, std::int32_t size) {
                return std::make_shared<Ranks>(std::make_shared<DryExchange>(rank, size));
            },
            py::arg("rank"), py::arg("size"))
        .def(
            "range",
            [](const Ranks& self, std::int32_t n, std::int32_t rank) {
                return IntPair(self.border(n, rank), self.border(n, rank + 1));
            },
            py::arg("n_neurons"), py::arg("rank"))
        .def(
            "note", [](Ranks& self, const py::bytes& what) { self.note(what); }, py::arg("what"))
        .def("fail", &fail, py::arg("message"))
        .def("gather", &gather, py::arg("own"))
        .def_readonly("failures", &Ranks::failures)
        .def_readonly("exchanges", &Ranks::exchanges)
        .def_readonly("bytes_sent", &Ranks::bytes_sent);
}

}  // namespace evsim
