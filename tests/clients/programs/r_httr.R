# Asks with R's httr.
suppressPackageStartupMessages(library(httr))

arguments <- commandArgs(trailingOnly = TRUE)
base <- arguments[1]
language <- arguments[2]
fields <- if (is.na(language) || language == "") add_headers() else add_headers("Accept-Language" = language)
for (ask in readLines(file("stdin"))) {
  parts <- strsplit(ask, "\t", fixed = TRUE)[[1]]
  parameters <- sub("^[^=]*=", "", parts[-1])
  names(parameters) <- sub("=.*", "", parts[-1])
  answer <- GET(paste0(base, parts[1]), query = as.list(parameters), fields)
  hash <- as.character(openssl::sha256(content(answer, "raw")))
  cache_status <- headers(answer)[["cache-status"]]
  cat(status_code(answer), hash, if (is.null(cache_status)) "" else cache_status, sep = "\t")
  cat("\n")
}
