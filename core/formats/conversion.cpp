#include "core/formats/conversion.h"

#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>
#include <utility>

namespace roktcached::formats {

namespace {

constexpr std::string_view end_of_row = "\r\n";

CsvStyle style_of(Format format) {
  return format == Format::csv_spreadsheet ? CsvStyle::spreadsheet : CsvStyle::plain;
}

std::string as_json(std::string_view text) {
  return boost::json::serialize(boost::json::string(text));
}

}  // namespace

std::string_view media_type_of(Format format) {
  if (format == Format::ndjson) return "application/x-ndjson";
  return "text/csv; charset=utf-8; header=present";
}

Conversion::Conversion(std::string_view body, Format format, std::vector<AddedColumn> added)
    : body_(body), format_(format), added_(std::move(added)) {}

Result<bool> Conversion::survey(std::size_t bytes) {
  if (!rows_) {
    const auto rows = Rows::of(body_);
    if (!rows) return rows.error();
    rows_ = std::make_unique<Rows>(*rows);
  }
  const std::size_t before = rows_->left();
  while (before - rows_->left() < bytes) {
    const auto row = rows_->next();
    if (!row) return row.error();
    if (row->empty()) return true;
    if (const auto known = survey_row(*row); !known) return known.error();
  }
  return false;
}

Result<void> Conversion::survey_row(std::string_view row) {
  JsonText text(row);
  JsonMembers members(text);
  JsonMember member;
  std::size_t guess = 0;
  while (members.next(member)) {
    const std::size_t place = columns_.add(member.name, guess);
    if (place == Columns::most)
      return Error{ErrorCode::not_acceptable, false,
                   "the answer is no table: it has more than " + std::to_string(Columns::most) +
                       " columns; it can be had as application/json"};
    guess = place + 1;
  }
  return {};
}

bool Conversion::write(std::string& text, std::size_t bytes) {
  if (!writes_) begin_writing(text);
  const std::size_t before = rows_->left();
  const std::size_t written = text.size();
  while (before - rows_->left() < bytes && text.size() - written < bytes) {
    const auto row = rows_->next();
    if (!row || row->empty()) return true;  // the survey has met every error
    if (format_ == Format::ndjson) {
      write_line(text, *row);
    } else if (!columns_.names().empty() || !added_.empty()) {
      write_csv_row(text, *row);
    }
  }
  return false;
}

void Conversion::begin_writing(std::string& text) {
  writes_ = true;
  *rows_ = *Rows::of(body_);
  for (const AddedColumn& added : added_) {
    if (format_ == Format::ndjson) {
      added_text_ += added_text_.empty() ? "" : ",";
      added_text_ += as_json(name_of(added)) + ":" + (added.value.empty() ? "null" : as_json(added.value));
    } else {
      added_text_ += ',';
      if (!added.value.empty()) append_text_cell(added_text_, added.value, style_of(format_));
    }
  }
  if (format_ != Format::ndjson) write_header(text);
}

void Conversion::write_header(std::string& text) {
  if (format_ == Format::csv_spreadsheet) text += byte_order_mark;
  bool first = true;
  const auto add = [&](std::string_view name) {
    if (!first) text += ',';
    first = false;
    append_text_cell(text, name, style_of(format_));
  };
  for (const std::string& name : columns_.names()) add(name);
  for (const AddedColumn& added : added_) add(name_of(added));
  if (!first) text += end_of_row;
  if (columns_.names().empty() && !added_text_.empty()) added_text_.erase(0, 1);  // no cell is before it
}

void Conversion::write_csv_row(std::string& text, std::string_view row) {
  cells_.assign(columns_.names().size(), {});
  JsonText json(row);
  JsonMembers members(json);
  JsonMember member;
  std::size_t guess = 0;
  while (members.next(member)) {
    const std::size_t place = columns_.place_of(member.name, guess);
    cells_[place] = member.value;
    guess = place + 1;
  }
  const std::size_t begin = text.size();
  bool first = true;
  for (const std::string_view cell : cells_) {
    if (!first) text += ',';
    first = false;
    append_cell(text, cell, style_of(format_));
  }
  text += added_text_;
  if (text.size() == begin) text += R"("")";  // readers pass over an empty line
  text += end_of_row;
}

void Conversion::write_line(std::string& text, std::string_view row) const {
  append_on_one_line(text, row);
  if (!added_text_.empty()) {
    const bool empty = text.ends_with("{}");
    text.pop_back();
    if (!empty) text += ',';
    text.append(added_text_) += '}';
  }
  text += '\n';
}

std::string Conversion::name_of(const AddedColumn& added) const {
  std::string name(added.name);
  return columns_.has(name) ? "roktcached_" + name : name;
}

}  // namespace roktcached::formats
