#include "node.hpp"

#include "core/fork.hpp"

namespace evsim {

std::shared_ptr<const NodeOutput> Node::output() const {
    const BriefLock lock(output_mutex_);
    return output_;
}

void Node::set_output(std::shared_ptr<const NodeOutput> output) {
    const BriefLock lock(output_mutex_);
    output_.swap(output);  // the old one is freed after the lock
}

}  // namespace evsim
