require 'base64' unless defined?(Base64)
require 'json' unless defined?(JSON)

module FlockOfChefsCookbook
  # Where the join string comes from. It is looked up only when it is needed, and never printed.
  module JoinString
    # @param resource [Chef::Resource] a flock_join
    # @return [String]
    # @raise [RuntimeError] when it is in none of its places, naming the place
    def self.of(resource)
      text = from(resource).to_s.strip
      return text if text.start_with?('flock1.')

      raise "#{resource}: #{place(resource)} holds no join string; `flockctl token create` on a hub prints one, which begins with flock1."
    end

    # @param text [String] a join string
    # @return [String, nil] the flock that it is of, as {Identity#pin} has it; nil when it cannot be told
    def self.pin(text)
      # Four bytes of checksum are at the end.
      JSON.parse(Base64.urlsafe_decode64(text.delete_prefix('flock1.'))[0..-5])['p']
    rescue ArgumentError, JSON::ParserError, TypeError
      nil
    end

    # @param resource [Chef::Resource]
    # @return [String]
    def self.place(resource)
      if resource.join_string then 'join_string'
      elsif resource.file then "the file #{resource.file}"
      elsif resource.vault then "#{resource.key} of the vault item #{resource.vault}/#{resource.item}"
      elsif resource.data_bag then "#{resource.key} of the data bag item #{resource.data_bag}/#{resource.item}"
      else 'none of join_string, file, data_bag and vault is given, so this'
      end
    end

    class << self
      private

      def from(resource)
        return resource.join_string if resource.join_string
        return (::File.read(resource.file) if ::File.exist?(resource.file)) if resource.file
        return from_vault(resource)[resource.key] if resource.vault

        # The recipe language's own, which decrypts where an encrypted_data_bag_secret is configured.
        Chef::DSL::DataQuery.instance_method(:data_bag_item).bind(recipe(resource)).call(resource.data_bag, resource.item)[resource.key] if resource.data_bag
      end

      def recipe(resource)
        Chef::Recipe.new(resource.cookbook_name, resource.recipe_name, resource.run_context)
      end

      def from_vault(resource)
        require 'chef-vault'
        ChefVault::Item.load(resource.vault, resource.item)
      rescue LoadError
        raise "#{resource}: Chef's Ruby has no gem chef-vault, which Chef itself brings; install it with chef_gem 'chef-vault'"
      end
    end
  end
end
