#pragma once

#include <boost/beast/http/basic_parser.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <type_traits>

#include "core/error.h"
#include "core/http/chunk_gate.h"
#include "core/http/message_head.h"
#include "core/wiping_allocator.h"

namespace roktcached::http {

/// Some of a message's content.
struct ContentStep {
  std::size_t consumed = 0;
  std::string_view content;  ///< a view into the bytes that were given; may be empty
};

/// Boost.Beast's parser of one message, behind the gates of core/http. HeadScan lets the head pass before
/// Beast reads what frames the content, and ChunkGate lets each chunk line pass. What Beast 1.81 would still
/// read in its own way is put right here. framing_of must judge the head before anything is done with it. See
/// README.md.
///
/// Belongs to one message and one thread. After an error it is of no more use.
template <bool is_request>
class MessageParser final : private boost::beast::http::basic_parser<is_request> {
 public:
  using Head = std::conditional_t<is_request, RequestHead, ResponseHead>;

  /// @param answers_head  whether a response answers a HEAD request, and so has no content
  explicit MessageParser(bool answers_head = false);

  /// @param bytes  exactly one whole head
  /// @param scan   has found it, and has read its fields
  /// @param head   what was in it is dropped; its vector keeps its memory. Its views live as long as `bytes`
  ///          and this parser. After an error it has all the fields
  /// @return invalid_request for framing that Beast refuses (see framing_of for the rest), and for a fault
  ///          that HeadScan would have reported in better words
  [[nodiscard]] Result<void> read_head(std::string_view bytes, const HeadScan& scan, Head& head);

  /// Takes as much of the content as it can; call again with the rest (from `consumed` on) until it consumes
  /// nothing or is done. Never wants earlier bytes again, and takes nothing once it is done.
  /// @return invalid_request for chunks that are malformed, at the end of their line at the latest;
  ///         fields_too_large where the trailer section is beyond its bounds
  /// @pre read_head has succeeded
  [[nodiscard]] Result<ContentStep> next(std::string_view bytes);

  [[nodiscard]] bool done() const { return place_ == Place::done; }
  /// The bytes of content that are announced and have not come yet: by the length, or by the size of the
  /// current chunk.
  [[nodiscard]] std::uint64_t announced() const;
  /// Whether the end of the connection is the end of the content, too.
  [[nodiscard]] bool ends_with_connection() const { return this->need_eof(); }

 private:
  using Base = boost::beast::http::basic_parser<is_request>;
  using ErrorOfBeast = boost::beast::error_code;
  using View = boost::beast::string_view;

  /// The part that comes next.
  enum class Place { head, content, chunk_line, chunk_data, trailers, done };

  /// @return how much Beast has taken
  std::size_t feed(std::string_view bytes, ErrorOfBeast& error);
  void feed_start_line(std::string_view bytes, ErrorOfBeast& error);
  [[nodiscard]] Result<ContentStep> take_content(std::string_view bytes);
  [[nodiscard]] Result<std::size_t> take_chunk_line(std::string_view bytes);
  [[nodiscard]] Result<std::size_t> take_trailers(std::string_view bytes);

  void on_request_impl(boost::beast::http::verb verb, View method, View target, int version,
                       ErrorOfBeast& error) override;
  void on_response_impl(int status, View reason, int version, ErrorOfBeast& error) override;
  void on_field_impl(boost::beast::http::field, View, View, ErrorOfBeast&) override {}
  void on_header_impl(ErrorOfBeast&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, ErrorOfBeast&) override {}
  std::size_t on_body_impl(View body, ErrorOfBeast& error) override;
  void on_chunk_header_impl(std::uint64_t size, View extensions, ErrorOfBeast& error) override;
  std::size_t on_chunk_body_impl(std::uint64_t left, View body, ErrorOfBeast& error) override;
  void on_finish_impl(ErrorOfBeast&) override {}

  Place place_ = Place::head;
  Head* head_ = nullptr;      // while its start line is read
  WipedString start_line_;    // as Beast can read it; empty if it is as it came
  std::string_view content_;  // that the last bytes brought
  std::uint64_t chunk_left_ = 0;
  ChunkGate gate_;
};

extern template class MessageParser<true>;
extern template class MessageParser<false>;

using RequestParser = MessageParser<true>;
using ResponseParser = MessageParser<false>;

/// Reads the head of a response from a growing buffer.
/// @param bytes         everything since the head's first byte
/// @param scan          a new one for each head; the limits are its
/// @param answers_head  whether the response answers a HEAD request
/// @param message       gets the parser of the content
/// @param head          gets views into `bytes` and `message`
/// @return the size of the head; 0: more is needed; invalid_request, or fields_too_large beyond the limits
[[nodiscard]] Result<std::size_t> read_response_head(std::string_view bytes, HeadScan& scan,
                                                     bool answers_head,
                                                     std::optional<ResponseParser>& message,
                                                     ResponseHead& head);

}  // namespace roktcached::http
