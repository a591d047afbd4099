#include "node.hpp"

namespace evsim {

std::shared_ptr<const NodeOutput> Node::output() const {
    const std::lock_guard lock(output_mutex_);
    return output_;
}

void Node::set_output(std::shared_ptr<const NodeOutput> output) {
    const std::lock_guard lock(output_mutex_);
    output_.swap(output);  // the old one is freed after the lock
}

}  // namespace evsim
