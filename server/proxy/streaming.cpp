#include "server/proxy/streaming.h"

#include <variant>

#include "core/caching/http_rules.h"
#include "server/asio.h"

namespace roktcached::proxy {

namespace {

class GrowingContent final : public http::ContentSource {
 public:
  GrowingContent(GrowingAnswer::ReaderPtr reader, Departure* departure)
      : reader_(std::move(reader)), departure_(departure) {}

  [[nodiscard]] asio::awaitable<Result<std::optional<http::ContentPiece>>> next() override {
    const Departure::Watch watch(departure_, [this] { reader_->leave(); });
    while (true) {
      GrowingAnswer::Piece piece = co_await reader_->read();
      if (auto* const bytes = std::get_if<upstream::ContentBytes>(&piece))
        co_return http::ContentPiece{std::move(bytes->owner), bytes->bytes};
      const auto* const end = std::get_if<upstream::AnswerEnd>(&piece);
      if (end != nullptr && end->error) co_return *end->error;
      if (end != nullptr) co_return std::optional<http::ContentPiece>();
    }
  }

 private:
  const GrowingAnswer::ReaderPtr reader_;
  Departure* const departure_;
};

}  // namespace

asio::awaitable<std::optional<upstream::AnswerHead>> read_beginning(const http::Request& request,
                                                                    GrowingAnswer::Reader& reader) {
  const Departure::Watch watch(request.departure, [&reader] { reader.leave(); });
  while (true) {
    GrowingAnswer::Piece piece = co_await reader.read();
    if (auto* const interim = std::get_if<upstream::InterimAnswer>(&piece)) {
      if (request.interim == nullptr) continue;
      http::Fields fields = caching::storable_fields(interim->fields);
      fields.remove("Set-Cookie");
      co_await request.interim->send_interim(interim->status, fields);
      continue;
    }
    std::optional<upstream::AnswerHead> head;
    if (auto* const begun = std::get_if<upstream::AnswerHead>(&piece)) head = std::move(*begun);
    co_return head;
  }
}

std::shared_ptr<http::ContentSource> content_of(GrowingAnswer::ReaderPtr reader, Departure* departure) {
  return std::make_shared<GrowingContent>(std::move(reader), departure);
}

}  // namespace roktcached::proxy
