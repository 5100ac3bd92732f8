# frozen_string_literal: true

# For unit tests of recipes: matchers for the remote words, and a flock that answers as a test says. No agent is needed.
#
#     # spec_helper.rb
#     require "chefspec"
#     require "flock_of_chefs/chefspec"
#
#     it "tells the web nodes" do
#       stub_flock_call("bender", :human_api, :killed_all_humans?).and_return(true)
#       expect(chef_run).to remote_notify("service[nginx]").to(:reload).on(roles: "web").delayed
#     end
#
# It needs ChefSpec, which the gem does not depend on.
require "chefspec"
require_relative "chef"
require_relative "chefspec/fake_calls"
require_relative "chefspec/matchers"
require_relative "chefspec/stubs"

RSpec.configure do |config|
  config.include FlockOfChefs::ChefSpec::Matchers
  config.include FlockOfChefs::ChefSpec::Stubs
  config.around do |example|
    FlockOfChefs::ChefSpec::FakeCalls.installed { example.run }
  end
end
