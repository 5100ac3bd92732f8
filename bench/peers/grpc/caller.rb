# frozen_string_literal: true

require_relative "service"
require_relative "../../support/calling"

_, port, folder = ARGV
stub = Echo::Stub.new("127.0.0.1:#{port}", GRPC::Core::ChannelCredentials.new(*Echo.credentials(folder, "client")))
cases = Bench::Calling.new.cases { |payload| stub.echo(Google::Protobuf::StringValue.new(value: payload)).value }
Bench::Calling.tell({ cases: cases })
