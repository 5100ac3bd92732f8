# frozen_string_literal: true

require "drb"
require_relative "../../support/calling"

DRb.start_service("druby://127.0.0.1:0")
echo = DRbObject.new_with_uri("druby://127.0.0.1:#{ARGV.fetch(1)}")
Bench::Calling.tell({ cases: Bench::Calling.new.cases { |payload| echo.echo(payload) } })
