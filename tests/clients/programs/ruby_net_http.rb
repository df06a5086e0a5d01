# Asks with Ruby's Net::HTTP.
require 'digest'
require 'net/http'

base, language = ARGV
address = URI(base)
Net::HTTP.start(address.host, address.port, use_ssl: address.scheme == 'https') do |connection|
  $stdin.each_line(chomp: true) do |ask|
    path, *parameters = ask.split("\t")
    query = URI.encode_www_form(parameters.to_h { |parameter| parameter.split('=', 2) })
    request = Net::HTTP::Get.new("#{path}?#{query}")
    request['Accept-Language'] = language unless language.empty?
    answer = connection.request(request)
    puts [answer.code, Digest::SHA256.hexdigest(answer.body), answer['Cache-Status']].join("\t")
  end
end
