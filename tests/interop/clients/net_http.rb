# Usage: ruby net_http.rb URL CA_FILE PROJECT API_TOKEN, with SSL_CERT_FILE set to CA_FILE.
require "json"
require "net/http"
require "stringio"

url, _ca_file, project, api_token = ARGV
base = URI("#{url}/api/fabric/subscribers/tokens")
answers = []

Net::HTTP.start(base.host, base.port, use_ssl: base.scheme == "https") do |http|
  post = lambda do |step, path, body, streamed = false|
    request = Net::HTTP::Post.new(base.path + path, "Content-Type" => "application/json")
    request.basic_auth(project, api_token)
    if streamed
      request["Transfer-Encoding"] = "chunked"
      request.body_stream = StringIO.new(JSON.generate(body))
    else
      request.body = JSON.generate(body)
    end
    response = http.request(request)
    answer = JSON.parse(response.body)
    answers << { step: step, status: response.code.to_i, body: answer }
    answer["refresh_token"]
  end

  token = post.call("issue", "", { reference: "ruby@example.com" })
  3.times { token = post.call("refresh", "/refresh", { refresh_token: token }) }
  post.call("stream", "/refresh", { refresh_token: token }, true)
end

puts JSON.generate(answers)
