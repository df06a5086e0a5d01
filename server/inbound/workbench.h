#pragma once

#include <memory>
#include <string>
#include <vector>

#include "server/departure.h"
#include "server/inbound/answer_writer.h"
#include "server/inbound/message.h"
#include "server/inbound/request_reader.h"

namespace roktcached::inbound {

/// What serving takes: the bytes that have come, the request that is read out of them, its answer, and what
/// is to be sent.
struct Workbench {
  explicit Workbench(const Limits& limits, WaitingSenders* senders = nullptr)
      : reader(limits), writer(senders) {}

  RequestReader reader;
  Departure departure;  ///< of the client whose request it is
  Incoming incoming;
  Answer answer;
  std::string browser_fields;  ///< of the answer
  AnswerWriter writer;
};

/// The workbenches of one thread. A connection borrows one for as long as it has something to serve, so that
/// an idle one holds nothing, and hits come by without an allocation.
class Workshop {
 public:
  /// @param limits, senders  outlive the workbenches; see AnswerWriter
  explicit Workshop(const Limits& limits, WaitingSenders* senders = nullptr);

  /// A new one.
  [[nodiscard]] std::unique_ptr<Workbench> make() const {
    return std::make_unique<Workbench>(limits_, senders_);
  }

  [[nodiscard]] std::unique_ptr<Workbench> borrow();
  /// @pre nothing is left on it: no bytes of a request, nothing to be sent
  void give_back(std::unique_ptr<Workbench> bench);

 private:
  const Limits& limits_;
  WaitingSenders* const senders_;
  std::vector<std::unique_ptr<Workbench>> free_;
};

}  // namespace roktcached::inbound
