module FlockOfChefsCookbook
  # What the gem needs of the Chef that runs here. The cookbook itself is read by Chef 16 in Ruby 2.7, to be able to say so.
  module Requirements
    RUBY = '3.1'.freeze

    # @param version [String] of Ruby
    # @return [void]
    # @raise [RuntimeError] with the remedy
    def self.check!(version = RUBY_VERSION)
      return if Gem::Version.new(version) >= Gem::Version.new(RUBY)

      product = ChefUtils::Dist::Infra::PRODUCT
      raise "flock_of_chefs needs Ruby #{RUBY} or newer, and this #{product} #{Chef::VERSION} runs in Ruby #{version}. Packages of #{product} " \
            "bring Ruby #{RUBY} from version 18 on: upgrade it (older ones work as gems of a newer Ruby), or set node['flock_of_chefs']['enabled'] = false here"
    end
  end
end
